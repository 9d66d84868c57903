//! What of TLS is spoken with a cloud's services, by a client that proves nothing about itself: version 1.3, which all
//! endpoints of AWS have, and with the feature `tls12` the version before it.
//!
//! Naming each part, rather than taking the default provider of rustls, keeps out of the bundle what is never used:
//! private keys, ChaCha20 and Ed25519, and without the feature also TLS 1.2 and ring's P-256. The root
//! certificates are the platform's, which are kept up to date and cost the bundle nothing; a variable names others.

use crate::error::SetupError;
#[cfg(not(feature = "tls12"))]
use crate::p256;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::{
    ClientConfig, Error, RootCertStore, SignatureScheme,
    crypto::{
        CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
        ring::{cipher_suite, kx_group},
    },
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use std::{path::PathBuf, sync::Arc};
use tokio_rustls::TlsConnector;
#[cfg(feature = "tls12")]
use webpki::ring as p256;
use webpki::ring as verify;

/// Where root certificates are: on Amazon Linux and Azure Linux, and on Debian.
const ROOT_FILES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// What opens TLS over a connection.
pub(crate) fn connector(variable: &'static str) -> Result<TlsConnector, SetupError> {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty());
    let config = client_config(named.map(PathBuf::from), variable)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What a client of rustls is set to that trusts the roots in a file, or the platform's where none is named. Errors say that
/// the variable names another.
///
/// # Errors
///
/// [`SetupError`] where there are no roots.
pub fn client_config(root_file: Option<PathBuf>, variable: &'static str) -> Result<ClientConfig, SetupError> {
    let provider = CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            #[cfg(feature = "tls12")]
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            #[cfg(feature = "tls12")]
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            #[cfg(feature = "tls12")]
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            #[cfg(feature = "tls12")]
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![
            kx_group::X25519,
            // For PostgreSQL before version 18, which offers no other.
            #[cfg(feature = "tls12")]
            kx_group::SECP256R1,
            // For the endpoints of AWS that keep to FIPS 140, which offer no X25519.
            kx_group::SECP384R1,
        ],
        signature_verification_algorithms: ALGORITHMS,
        secure_random: &Random,
        key_provider: &NoKeys,
    };
    let roots = roots(root_file, variable)?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn roots(named: Option<PathBuf>, variable: &'static str) -> Result<RootCertStore, SetupError> {
    let path = named.or_else(|| ROOT_FILES.iter().map(PathBuf::from).find(|path| path.exists()));
    let failed = |path: &PathBuf, reason: String| SetupError::Roots { path: path.clone(), reason, variable };
    let path = path.ok_or_else(|| failed(&ROOT_FILES[0].into(), "the file is not there".to_owned()))?;
    let failed = |reason: String| failed(&path, reason);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| failed(error.to_string()))? {
        // One that this library cannot use is no reason to trust none of the others.
        roots.add_parsable_certificates(certificate.ok());
    }
    if roots.is_empty() { Err(failed("none could be read".to_owned())) } else { Ok(roots) }
}

/// How certificates of the web are signed.
const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        p256::ECDSA_P256_SHA256,
        p256::ECDSA_P256_SHA384,
        verify::ECDSA_P384_SHA256,
        verify::ECDSA_P384_SHA384,
        verify::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        verify::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        verify::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        verify::RSA_PKCS1_2048_8192_SHA256,
        verify::RSA_PKCS1_2048_8192_SHA384,
        verify::RSA_PKCS1_2048_8192_SHA512,
    ],
    mapping: &[
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[verify::ECDSA_P384_SHA384]),
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[p256::ECDSA_P256_SHA256]),
        (SignatureScheme::RSA_PSS_SHA512, &[verify::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[verify::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[verify::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[verify::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[verify::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[verify::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        SystemRandom::new().fill(bytes).map_err(|_| GetRandomFailed)
    }
}

/// The private keys of a client that has none.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("this client has no private keys".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ServerConfig, crypto, pki_types::ServerName};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;

    #[test]
    fn roots_are_those_of_the_named_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        let error = |text: &str| {
            std::fs::write(&file, text).unwrap();
            roots(Some(file.clone()), "ROOTS").unwrap_err().to_string()
        };
        assert!(error("").contains("roots.pem: none could be read"));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(broken).contains("set ROOTS to a file"));
        assert!(roots(Some(folder.path().join("absent")), "ROOTS").unwrap_err().to_string().contains("absent"));
    }

    /// Opens TLS to a server of that key algorithm, whose certificate is for `localhost`, under another name or roots.
    async fn open(
        algorithm: &'static rcgen::SignatureAlgorithm,
        name: &'static str,
        trusted: bool,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Result<(), String> {
        let own = |algorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let certificate =
                rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
            (certificate, key)
        };
        let ((certificate, key), (stranger, _)) = (own(algorithm), own(algorithm));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, if trusted { certificate.pem() } else { stranger.pem() }).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // What the client makes of it is what counts.
            let _ = TlsAcceptor::from(Arc::new(config)).accept(stream).await;
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let config = client_config(Some(file), "ROOTS").map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        let opened = connector.connect(ServerName::try_from(name).unwrap(), stream).await;
        let opened = opened.map(drop).map_err(|error| error.to_string());
        server.await.unwrap();
        opened
    }

    #[test]
    fn a_server_is_trusted_by_its_roots_and_its_name() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let versions: &[&rustls::SupportedProtocolVersion] = &[
                &rustls::version::TLS13,
                #[cfg(feature = "tls12")]
                &rustls::version::TLS12,
            ];
            let algorithms = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384];
            for (algorithm, version) in
                algorithms.iter().flat_map(|one| versions.iter().map(move |version| (*one, version)))
            {
                let versions = std::slice::from_ref(version);
                assert_eq!(open(algorithm, "localhost", true, versions).await, Ok(()));
                let error = open(algorithm, "elsewhere.test", true, versions).await.unwrap_err();
                assert!(error.contains("not valid for name"), "{error}");
                let error = open(algorithm, "localhost", false, versions).await.unwrap_err();
                assert!(error.contains("invalid peer certificate"), "{error}");
            }
        });
    }
}
