//! [`Tls`]: how a node uses TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::certificate::host_of;

/// How often files are compared with what was read, if nothing else is set. A renewed certificate is usually in place days
/// before the old one expires; for a revoked one, this is the time until new connections are refused.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// How a node uses TLS, for [`Builder::tls`](crate::Builder::tls).
///
/// Four usual set-ups, of PEM files:
///
/// | set-up | the node listens with | it trusts | client certificates |
/// |---|---|---|---|
/// | [`Tls::mutual(ca, cert, key)`](Self::mutual) | its certificate | your CA | required, from the same CA |
/// | [`Tls::server(cert, key)`](Self::server) | its certificate | the CAs of the system, or with [`ca`](Self::ca) your own | none |
/// | [`Tls::with_ca(ca)`](Self::with_ca) | no TLS: a proxy in front of it ends TLS | your CA | none |
/// | [`Tls::system_roots()`](Self::system_roots) | no TLS: a proxy in front of it ends TLS | the CAs of the system | none |
///
/// The files are read by [`Builder::build`](crate::Builder::build), which fails with
/// [`BuildError::Tls`](crate::BuildError::Tls), and again when they change, see [`reload_interval`](Self::reload_interval).
/// Links that are up stay up: certificates are verified when a connection is made. Sessions are not resumed, so each
/// connection verifies them.
///
/// The cryptography is that of [`provider`](Self::provider), or else the one that the process has installed with
/// `CryptoProvider::install_default`, or else ring (feature `tls`). TLS 1.2 and 1.3 are accepted.
///
/// ```
/// let tls = grid::Tls::server("node1.pem", "node1.key").ca("ca.pem").crl("revoked.pem");
/// let tls = tls.reload_interval(std::time::Duration::from_secs(60));
/// # assert!(format!("{tls:?}").contains("node1.pem"));
/// ```
#[derive(Clone)]
#[must_use = "it has an effect when it is passed to `Builder::tls`"]
pub struct Tls {
    /// The CAs that sign certificates of listeners; `None`: those of the system.
    pub(super) ca: Option<PathBuf>,
    /// The certificate for both sides.
    pub(super) certificate: Option<Pair>,
    /// The certificate for dialing only.
    pub(super) client_certificate: Option<Pair>,
    /// The CAs that sign client certificates, which are required then.
    pub(super) client_ca: Option<PathBuf>,
    pub(super) crl: Option<PathBuf>,
    pub(super) alternates: Vec<Alternate>,
    pub(super) reload_interval: Duration,
    pub(super) provider: Option<Arc<CryptoProvider>>,
    pub(super) configs: Option<Configs>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// A host for which a certificate may be instead of the host of a name.
#[derive(Debug, Clone)]
pub(super) struct Alternate {
    /// The host of the name; `None`: all.
    pub(super) of: Option<String>,
    pub(super) host: String,
}

/// Configurations that the user has made.
#[derive(Clone)]
pub(super) struct Configs {
    pub(super) client: Arc<ClientConfig>,
    pub(super) server: Option<Arc<ServerConfig>>,
}

impl Tls {
    fn new(ca: Option<&Path>) -> Self {
        Self {
            ca: ca.map(Path::to_owned),
            certificate: None,
            client_certificate: None,
            client_ca: None,
            crl: None,
            alternates: Vec::new(),
            reload_interval: RELOAD_INTERVAL,
            provider: None,
            configs: None,
        }
    }

    /// Trusts the CAs of the system, and has no certificate: other nodes are dialed with TLS, and
    /// [`Manager::serve`](crate::Manager::serve) listens without.
    pub fn system_roots() -> Self {
        Self::new(None)
    }

    /// Trusts the CAs in a PEM file instead of those of the system. Otherwise like [`system_roots`](Self::system_roots).
    pub fn with_ca(ca: impl AsRef<Path>) -> Self {
        Self::new(Some(ca.as_ref()))
    }

    /// Listens with this certificate, and trusts the CAs of the system. The PEM file `certificate` contains the node's own
    /// certificate first and then those between it and the CA; `key` contains its private key, without a passphrase.
    pub fn server(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self::system_roots().certificate(certificate, key)
    }

    /// Mutual TLS: each side of a connection proves itself with a certificate that the CAs in `ca` have signed. `certificate`
    /// and `key` are as for [`server`](Self::server); the certificate must be for servers and for clients.
    ///
    /// A client certificate of the CA is accepted whatever its name is. [`CertificateName`](crate::CertificateName) compares
    /// it with the name of the node.
    pub fn mutual(
        ca: impl AsRef<Path>,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Self {
        Self::with_ca(&ca).certificate(certificate, key).client_ca(ca)
    }

    /// Uses configurations of rustls as they are. Without one for servers, [`Manager::serve`](crate::Manager::serve) listens
    /// without TLS. Nothing is read from files then, and other settings are refused.
    pub fn with_configs(client: Arc<ClientConfig>, server: Option<Arc<ServerConfig>>) -> Self {
        Self { configs: Some(Configs { client, server }), ..Self::new(None) }
    }

    /// Trusts the CAs in this PEM file, instead of those of the system, when it dials.
    pub fn ca(self, ca: impl AsRef<Path>) -> Self {
        Self { ca: Some(ca.as_ref().to_owned()), ..self }
    }

    /// Sets the node's certificate and key, as for [`server`](Self::server). It listens with them, and proves itself with
    /// them to listeners that require it.
    pub fn certificate(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self { certificate: Some(Pair::new(certificate, key)), ..self }
    }

    /// Sets the certificate and key with which the node proves itself to listeners that require it. It does not listen with
    /// them. Default: those of [`certificate`](Self::certificate).
    pub fn client_certificate(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self { client_certificate: Some(Pair::new(certificate, key)), ..self }
    }

    /// Requires client certificates that the CAs in this PEM file have signed. Needs a [`certificate`](Self::certificate).
    pub fn client_ca(self, ca: impl AsRef<Path>) -> Self {
        Self { client_ca: Some(ca.as_ref().to_owned()), ..self }
    }

    /// Refuses the certificates, of listeners and clients, that are in the certificate revocation lists of this PEM file.
    ///
    /// A certificate of a CA without a list in the file is accepted, and so is one whose list is out of date.
    pub fn crl(self, crl: impl AsRef<Path>) -> Self {
        Self { crl: Some(crl.as_ref().to_owned()), ..self }
    }

    /// Accepts certificates of all listeners that are for this host, besides those for the host of their name. For a grid that
    /// is renamed while its certificates have the old name, or already the new one. Can be called several times.
    pub fn alternate_name(mut self, host: impl Into<String>) -> Self {
        self.alternates.push(Alternate { of: None, host: host.into() });
        self
    }

    /// Like [`alternate_name`](Self::alternate_name), only for the node `name`, such as `https://node1:9000`. Nodes that differ
    /// in the port only count as one: a certificate is for a host.
    pub fn alternate_name_of(mut self, name: impl AsRef<str>, host: impl Into<String>) -> Self {
        let of = Some(host_of(name.as_ref()).to_owned());
        self.alternates.push(Alternate { of, host: host.into() });
        self
    }

    /// Sets how often the files are read to see whether they have changed. Default: 10 s; at least 1 ms, and at most a day.
    ///
    /// The content is compared, so it does not matter how files are replaced. New connections use the new files. If a new file
    /// is bad, the previous ones stay in use, and one warning says why, unless it is replaced by a good one before it is read
    /// again. If the interval is too short, the files are read all the time. If it is too long, a revoked certificate is
    /// accepted until then. The CAs of the system are read again only when another file has changed.
    pub fn reload_interval(self, interval: Duration) -> Self {
        Self { reload_interval: interval, ..self }
    }

    /// Sets the cryptography. Default: that of the process, or ring.
    pub fn provider(self, provider: Arc<CryptoProvider>) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// The hosts for which the certificate of this host may be as well.
    pub(super) fn alternates_of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a str> {
        alternates_of(&self.alternates, host)
    }

    /// The certificate with which the node dials.
    pub(super) fn dialing_pair(&self) -> Option<&Pair> {
        self.client_certificate.as_ref().or(self.certificate.as_ref())
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.certificate.iter().chain(&self.client_certificate);
        let pairs = pairs.flat_map(|pair| [&pair.certificate, &pair.key]);
        let others = self.ca.iter().chain(&self.client_ca).chain(&self.crl);
        others.chain(pairs).map(PathBuf::as_path)
    }
}

/// The hosts for which the certificate of this host may be as well.
pub(super) fn alternates_of<'a>(
    alternates: &'a [Alternate],
    host: &'a str,
) -> impl Iterator<Item = &'a str> {
    let applies = move |alternate: &&Alternate| {
        alternate.of.as_ref().is_none_or(|of| of.eq_ignore_ascii_case(host))
    };
    alternates.iter().filter(applies).map(|alternate| &*alternate.host)
}

impl Pair {
    fn new(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self { certificate: certificate.as_ref().to_owned(), key: key.as_ref().to_owned() }
    }
}

/// Shows the paths.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca)
            .field("certificate", &self.certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_ca", &self.client_ca)
            .field("crl", &self.crl)
            .field("alternates", &self.alternates)
            .field("reload_interval", &self.reload_interval)
            .finish_non_exhaustive()
    }
}
