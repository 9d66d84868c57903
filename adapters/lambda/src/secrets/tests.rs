use super::*;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/keys-AbCdEf";
const PARAMETER: &str = "arn:aws:ssm:eu-west-2:123456789012:parameter/shop/pin";

fn target(name: &str, more: &[(&str, &str)]) -> Result<Option<Target>, String> {
    let resources = format!(
        r#"{{"secret:shop/keys":{ARN:?},"secret:shop/pin":{PARAMETER:?},"secret:odd":"arn:aws:ssm:eu-west-1:1:x","secret:far":"arn:aws:secretsmanager:e.vil:1:x"}}"#
    );
    let base = [
        (RESOURCES, resources.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "plantedsecret7Qx-aws"),
        ("AWS_SESSION_TOKEN", "plantedsecret7Qx-session"),
    ];
    let env =
        |name: &str| base.iter().chain(more).rfind(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Target::of(name, &env).map_err(|error| error.to_string())
}

/// Answers requests in turn, and gives what they were.
fn server(answers: Vec<(&'static str, &'static str)>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let answer = |(status, body): (&str, &str)| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
            while !request.ends_with(b"}") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
            String::from_utf8(request).unwrap()
        };
        answers.into_iter().map(answer).collect()
    });
    (address, served)
}

async fn read(answers: Vec<(&'static str, &'static str)>) -> (Result<Secret<String>, String>, Vec<String>) {
    read_of("shop/keys", answers).await
}

async fn read_of(
    name: &str,
    answers: Vec<(&'static str, &'static str)>,
) -> (Result<Secret<String>, String>, Vec<String>) {
    let (address, served) = server(answers);
    let target = target(name, &[("AWS_ENDPOINT_URL", &address)]).unwrap().unwrap();
    let read = Secrets::new().read(&target).await.map_err(|error| error.to_string());
    (read, served.join().unwrap())
}

#[tokio::test]
async fn a_secret_is_asked_for_by_its_arn_and_signed() {
    let answer = r#"{"ARN":"a","Name":"shop/keys","SecretString":"plantedsecret7Qx-a","VersionStages":["AWSCURRENT"]}"#;
    let (secret, requests) = read(vec![("200 OK", answer)]).await;
    let secret = secret.unwrap();
    assert_eq!((secret.expose().as_str(), format!("{secret:?}")), ("plantedsecret7Qx-a", "Secret(…)".to_owned()));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    for header in [
        "x-amz-target: secretsmanager.GetSecretValue\r\n",
        "content-type: application/x-amz-json-1.1\r\n",
        "x-amz-security-token: plantedsecret7Qx-session\r\n",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
        "/eu-west-1/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
    ] {
        assert!(request.contains(header), "{header}: {request}");
    }
    assert!(request.ends_with(&format!(r#"{{"SecretId":"{ARN}"}}"#)), "{request}");
    assert!(!request.contains("plantedsecret7Qx-aws"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_told_once() {
    let throttled = ("400 Bad Request", r#"{"__type":"ThrottlingException","message":"slow down"}"#);
    let good = ("200 OK", r#"{"SecretString":"plantedsecret7Qx-a"}"#);
    let (secret, requests) = read(vec![throttled, ("503 Busy", ""), good]).await;
    assert_eq!((secret.unwrap().expose().as_str(), requests.len()), ("plantedsecret7Qx-a", 3));
    let denied = r#"{"__type":"com.amazonaws#AccessDeniedException","Message":"arn:private is not authorized"}"#;
    let (secret, requests) = read(vec![("400 Bad Request", denied)]).await;
    assert_eq!(
        secret.unwrap_err(),
        "Secrets Manager answered 400 AccessDeniedException: arn:private is not authorized"
    );
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn an_answer_without_a_text_is_an_error_that_does_not_repeat_it() {
    for (body, told) in [
        (r#"{"SecretBinary":"aHVudGVyMg=="}"#, "the secret is not kept as a text: binary ones are not read"),
        (r#"{"SecretString":"plantedsecret7Qx-a"#, "Secrets Manager answered what is no JSON"),
        ("plantedsecret7Qx-a", "Secrets Manager answered what is no JSON"),
    ] {
        assert_eq!(read(vec![("200 OK", body)]).await.0.unwrap_err(), told);
    }
}

#[tokio::test]
async fn a_parameter_is_asked_for_by_its_arn_decrypted() {
    let answer = r#"{"Parameter":{"Name":"/shop/pin","Type":"SecureString","Value":"plantedsecret7Qx-a","Version":3}}"#;
    let (secret, requests) = read_of("shop/pin", vec![("503 Busy", ""), ("200 OK", answer)]).await;
    assert_eq!(secret.unwrap().expose(), "plantedsecret7Qx-a");
    let [_, request] = &requests[..] else { panic!("{requests:?}") };
    for header in [
        "x-amz-target: AmazonSSM.GetParameter\r\n",
        "content-type: application/x-amz-json-1.1\r\n",
        "x-amz-security-token: plantedsecret7Qx-session\r\n",
        "/eu-west-2/ssm/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
    ] {
        assert!(request.contains(header), "{header}: {request}");
    }
    assert!(request.ends_with(&format!(r#"{{"Name":"{PARAMETER}","WithDecryption":true}}"#)), "{request}");
}

#[tokio::test]
async fn a_parameter_that_is_kept_in_the_clear_is_no_secret() {
    for (body, told) in [
        (r#"{"Parameter":{"Type":"String","Value":"plantedsecret7Qx-a"}}"#, "the parameter is no SecureString"),
        (r#"{"Parameter":{"Type":"StringList","Value":"plantedsecret7Qx-a,"}}"#, "the parameter is no SecureString"),
        (r#"{"Parameter":{"Type":"SecureString"}}"#, "the secret is not kept as a text"),
        (r#"{"Parameter":"plantedsecret7Qx-a"#, "Parameter Store answered what is no JSON"),
    ] {
        let error = read_of("shop/pin", vec![("200 OK", body)]).await.0.unwrap_err();
        assert!(error.starts_with(told) && !error.contains("plantedsecret7Qx-a"), "{error}");
    }
    let absent = r#"{"__type":"ParameterNotFound"}"#;
    let (secret, requests) = read_of("shop/pin", vec![("400 Bad Request", absent)]).await;
    assert_eq!((secret.unwrap_err().as_str(), requests.len()), ("Parameter Store answered 400 ParameterNotFound", 1));
}

#[test]
fn a_secret_is_where_its_arn_says() {
    let found = target("shop/keys", &[]).unwrap().unwrap();
    assert_eq!(
        (found.endpoint.to_string().as_str(), found.arn.as_str()),
        ("https://secretsmanager.eu-west-1.amazonaws.com/", ARN)
    );
    assert!(!format!("{found:?}").contains("plantedsecret7Qx-aws"));
    assert!(target("another", &[]).unwrap().is_none(), "a variable may stand for it");
    assert!(target("odd", &[]).unwrap_err().contains("neither one of Secrets Manager nor a parameter's"));
    let parameter = target("shop/pin", &[]).unwrap().unwrap();
    assert_eq!(
        (parameter.endpoint.to_string().as_str(), parameter.arn.as_str()),
        ("https://ssm.eu-west-2.amazonaws.com/", PARAMETER)
    );
    let elsewhere = [("AWS_ENDPOINT_URL", "http://a/"), ("AWS_ENDPOINT_URL_SSM", "http://b/")];
    let endpoint = |name| target(name, &elsewhere).unwrap().unwrap().endpoint.to_string();
    assert_eq!((endpoint("shop/keys"), endpoint("shop/pin")), ("http://a/".to_owned(), "http://b/".to_owned()));
    assert!(target("far", &[]).unwrap_err().contains("names no region"));
    assert!(target("shop/keys", &[("AWS_SECRET_ACCESS_KEY", "")]).unwrap_err().contains("AWS_SECRET_ACCESS_KEY"));
    assert!(target("shop/keys", &[(RESOURCES, "[]")]).unwrap_err().contains(RESOURCES));
}
