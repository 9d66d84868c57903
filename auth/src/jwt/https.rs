use super::{Fetch, check_origin};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use pikku::{BoxError, BoxFuture};
use pikku_https::Client;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long one document may take, the connection included.
const PATIENCE: Duration = Duration::from_secs(5);

/// A key set has at most this.
const MOST: usize = 256 * 1_024;

/// The variable that names another file of root certificates than the system's, as OpenSSL has it.
const ROOTS: &str = "SSL_CERT_FILE";

/// Fetches by a small HTTPS client, on every target but Workers: TLS 1.2 and 1.3, five seconds, 256 KiB. Redirections are not
/// followed. Without TLS only this machine is asked.
#[derive(Debug, Default)]
pub struct HttpsFetch {
    kept: Mutex<Option<Arc<Client>>>,
}

impl HttpsFetch {
    fn client(&self, endpoint: &Uri) -> Result<Arc<Client>, BoxError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept.as_ref().filter(|client| client.reaches(endpoint)) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::new(endpoint, PATIENCE, ROOTS)?.answers_up_to(MOST));
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, BoxError> {
        let url: Uri = url.parse()?;
        let authority = url.authority().ok_or("the URL names no host")?;
        let scheme = url.scheme_str().unwrap_or_default();
        check_origin(scheme, authority.host())?;
        let endpoint = Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query("/").build()?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(http::header::HOST, authority.as_str())
            .header(http::header::ACCEPT, "application/json")
            .body(Full::<Bytes>::default())?;
        let answer = self.client(&endpoint)?.exchange(request).await?;
        if answer.status != StatusCode::OK {
            return Err(format!("it answered {}", answer.status).into());
        }
        if answer.body.is_empty() {
            return Err(format!("its answer is empty, broke off, or has more than {MOST} octets").into());
        }
        Ok(answer.body.into())
    }
}

impl Fetch for HttpsFetch {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(self.get(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    /// An endpoint that answers so once; what it was asked.
    fn endpoint(answer: Vec<u8>) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while !asked.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                assert!(read > 0, "it has gone away");
                asked.extend_from_slice(&piece[..read]);
            }
            // A client that has read enough may be gone.
            let _ = stream.write_all(&answer);
            String::from_utf8(asked).unwrap()
        });
        (format!("http://{address}/keys?v=1"), asked)
    }

    fn answer(status: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nlocation: /elsewhere\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_document_is_fetched() {
        let (url, asked) = endpoint(answer("200 OK", br#"{"keys":[]}"#));
        assert_eq!(HttpsFetch::default().fetch(&url).await.unwrap(), br#"{"keys":[]}"#);
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("GET /keys?v=1 HTTP/1.1\r\nhost: 127.0.0.1:"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_document_is_an_error() {
        for (answer, said) in [
            (answer("302 Found", b"elsewhere"), "302"),
            (answer("500 Oh", b"{}"), "500"),
            (answer("200 OK", b""), "empty"),
            (answer("200 OK", &vec![b' '; MOST + 1]), "262144"),
            (b"nonsense\r\n\r\n".to_vec(), "invalid HTTP"),
        ] {
            let (url, asked) = endpoint(answer);
            let error = HttpsFetch::default().fetch(&url).await.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            asked.join().unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_is_fetched_in_the_clear_from_elsewhere() {
        for url in
            ["http://id.example/keys", "http://127.0.0.1.example/keys", "ftp://localhost/keys", "/keys", "localhost"]
        {
            let error = HttpsFetch::default().fetch(url).await.unwrap_err().to_string();
            assert!(error.contains("over https") || error.contains("no host"), "{url}: {error}");
        }
    }
}
