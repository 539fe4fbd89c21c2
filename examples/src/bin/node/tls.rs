//! TLS of the port: client certificates are verified if there are any, so nodes have one and users of REST need none.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grid::PeerCertificate;
use grid::rustls::pki_types::pem::PemObject as _;
use grid::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use grid::rustls::server::WebPkiClientVerifier;
use grid::rustls::{RootCertStore, ServerConfig, crypto::ring};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Any error, for the log.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How often the acceptor and the grid look for new certificates.
pub(crate) const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// A handshake of a client far away, with a few lost packets.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Accepts TLS with the files as they are now.
pub(crate) struct Acceptor {
    /// CA, certificate and key.
    paths: [PathBuf; 3],
    /// What the first configuration was made of.
    first: Vec<Vec<u8>>,
    current: Mutex<Arc<ServerConfig>>,
}

impl Acceptor {
    pub(crate) fn new(paths: [&PathBuf; 3]) -> Result<Self, Failure> {
        let paths = paths.map(PathBuf::clone);
        let first = read(&paths)?;
        let current = config(&first).map_err(|error| format!("TLS files {paths:?}: {error}"))?;
        Ok(Self { paths, first, current: Mutex::new(current) })
    }

    /// Returns the stream, and the certificate of a client that has one.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<(TlsStream<S>, Option<PeerCertificate>), Failure> {
        let config = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        let handshake = TlsAcceptor::from(config).accept(stream);
        let stream = tokio::time::timeout(HANDSHAKE_TIME, handshake).await??;
        let certificate = match stream.get_ref().1.peer_certificates() {
            Some(chain) => {
                let chain = chain.iter().map(|certificate| certificate.to_vec()).collect();
                Some(PeerCertificate::from_chain(chain)?)
            }
            None => None,
        };
        Ok((stream, certificate))
    }

    /// Reads changed files, for ever. Bad ones are logged, and those before stay in use.
    pub(crate) async fn watch(&self) {
        let mut seen = Some(self.first.clone());
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            let now = read(&self.paths).ok();
            if now == seen {
                continue;
            }
            let changed = match &now {
                Some(files) => config(files),
                None => Err("a file cannot be read".into()),
            };
            match changed {
                Ok(config) => {
                    *self.current.lock().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("using changed TLS files");
                }
                Err(error) => {
                    tracing::warn!(paths = ?self.paths, "cannot use changed TLS files: {error}")
                }
            }
            seen = now;
        }
    }
}

fn read(paths: &[PathBuf; 3]) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| Failure::from(format!("{}: {error}", path.display())))
    };
    paths.iter().map(read).collect()
}

fn config(files: &[Vec<u8>]) -> Result<Arc<ServerConfig>, Failure> {
    let [ca, certificate, key] = files else { unreachable!("three files are read") };
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca) {
        roots.add(ca?)?;
    }
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let verifier = verifier.allow_unauthenticated().build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use grid::rustls::{ClientConfig, pki_types::ServerName};
    use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tokio_rustls::TlsConnector;

    use super::*;

    type Ca = CertifiedIssuer<'static, KeyPair>;

    fn ca() -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Ca::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// Writes the certificate and the key of `node1`, signed by this CA.
    fn write(paths: &[PathBuf; 3], ca: &Ca) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["node1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, ca).unwrap();
        for (path, pem) in paths.iter().zip([ca.pem(), certificate.pem(), key.serialize_pem()]) {
            std::fs::write(path, pem).unwrap();
        }
    }

    /// Connects as a client without a certificate that trusts this CA.
    async fn connect(acceptor: &Acceptor, ca: &Ca) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("node1").unwrap();
        let connecting = TlsConnector::from(Arc::new(client)).connect(name, near);
        let (connected, accepted) = tokio::join!(connecting, acceptor.accept(far));
        if let Ok((_, certificate)) = &accepted {
            assert!(certificate.is_none());
        }
        connected.is_ok() && accepted.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn changed_files_are_used_and_bad_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["ca.pem", "node.pem", "node.key"].map(|name| folder.path().join(name));
        let (old, new) = (ca(), ca());
        write(&paths, &old);
        let acceptor = Arc::new(Acceptor::new(paths.each_ref()).unwrap());
        let watched = Arc::clone(&acceptor);
        tokio::spawn(async move { watched.watch().await });
        assert!(connect(&acceptor, &old).await && !connect(&acceptor, &new).await);

        std::fs::write(&paths[2], "no key").unwrap();
        tokio::time::sleep(2 * RELOAD_INTERVAL).await;
        assert!(connect(&acceptor, &old).await);

        write(&paths, &new);
        tokio::time::sleep(2 * RELOAD_INTERVAL).await;
        assert!(connect(&acceptor, &new).await && !connect(&acceptor, &old).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["ca.pem", "node.pem", "node.key"].map(|name| folder.path().join(name));
        write(&paths, &ca());
        let (_near, far) = tokio::io::duplex(64);
        assert!(Acceptor::new(paths.each_ref()).unwrap().accept(far).await.is_err());
    }
}
