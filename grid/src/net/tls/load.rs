//! [`Loaded`]: the configurations of both sides, made of the contents of the files.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateRevocationListDer;
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::alternates::WithAlternates;
use super::error::TlsError;
use super::files::{Files, Fingerprint};
use super::pem;
use super::settings::{Configs, Tls};
use crate::certificate::PeerCertificate;

/// Longer intervals are taken for a mistake, as for those of `Config`.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// Shorter intervals would do nothing but read files.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What the connections of a node use.
pub(super) struct Loaded {
    pub(super) client: Arc<ClientConfig>,
    /// Absent if the node does not listen with TLS.
    pub(super) server: Option<Arc<ServerConfig>>,
    /// Identifies the files.
    pub(super) fingerprint: Fingerprint,
    /// The certificate with which the node listens, as far as this crate knows it.
    pub(super) own: Option<PeerCertificate>,
}

impl Loaded {
    /// Checks the contents of all files, except whether the node's own certificates are valid now.
    pub(super) fn new(tls: &Tls, files: &Files) -> Result<Self, TlsError> {
        let fingerprint = files.fingerprint();
        if let Some(Configs { client, server }) = tls.configs.clone() {
            return Ok(Self { client, server, fingerprint, own: None });
        }
        let provider = provider(tls)?;
        let crls = tls.crl.as_ref().map_or(Ok(Vec::new()), |path| pem::revoked(files, path))?;
        let client = client(tls, files, &provider, crls.clone())?;
        let Some(pair) = &tls.certificate else {
            return Ok(Self { client: Arc::new(client), server: None, fingerprint, own: None });
        };
        let key = pem::pair(files, pair, &provider)?;
        let chain = key.cert.iter().map(|certificate| certificate.to_vec()).collect();
        let own = PeerCertificate::from_chain(chain).ok();
        let server = server(tls, files, &provider, crls, SingleCertAndKey::from(key))?;
        Ok(Self { client: Arc::new(client), server: Some(Arc::new(server)), fingerprint, own })
    }
}

/// Checks that the node's own certificates are valid now.
pub(super) fn check_validity(tls: &Tls, files: &Files) -> Result<(), TlsError> {
    let mut own = tls.certificate.iter().chain(&tls.client_certificate);
    own.try_for_each(|pair| pem::check_validity(files, &pair.certificate))
}

/// Checks what does not depend on the contents of files.
pub(super) fn check(tls: &Tls) -> Result<(), TlsError> {
    let is_whole = tls.configs.is_some();
    let has_others = tls.files().next().is_some() || !tls.alternates.is_empty();
    let reason = if is_whole && (has_others || tls.provider.is_some()) {
        "`Tls::with_configs` takes whole configurations, so nothing else can be set"
    } else if tls.client_ca.is_some() && tls.certificate.is_none() {
        "`Tls::client_ca` needs `Tls::certificate`: a node without a certificate does not listen with TLS"
    } else if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&tls.reload_interval) {
        "`Tls::reload_interval` must be at least a millisecond and at most a day"
    } else {
        return Ok(());
    };
    Err(settings(reason))
}

fn settings(reason: impl ToString) -> TlsError {
    TlsError::Settings { reason: reason.to_string() }
}

/// The user's cryptography, or that of the process, or ring.
fn provider(tls: &Tls) -> Result<Arc<CryptoProvider>, TlsError> {
    let chosen = tls.provider.clone().or_else(|| CryptoProvider::get_default().cloned());
    #[cfg(feature = "tls")]
    let chosen =
        chosen.or_else(|| Some(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())));
    chosen.ok_or(TlsError::NoProvider)
}

/// The CAs of listeners.
fn roots(tls: &Tls, files: &Files) -> Result<RootCertStore, TlsError> {
    if let Some(path) = &tls.ca {
        return pem::roots(files, path);
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems have some that no library reads.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let reason = match errors.is_empty() {
            true => "none were found; `SSL_CERT_FILE` can name a file with them".to_owned(),
            false => errors.join(", "),
        };
        return Err(TlsError::NoSystemRoots { reason });
    }
    Ok(roots)
}

/// The configuration of the dialing side.
fn client(
    tls: &Tls,
    files: &Files,
    provider: &Arc<CryptoProvider>,
    crls: Vec<CertificateRevocationListDer<'static>>,
) -> Result<ClientConfig, TlsError> {
    let roots = Arc::new(roots(tls, files)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .with_crls(crls)
        .allow_unknown_revocation_status()
        .build();
    let inner = verifier.map_err(|error| verifier_error(tls, &error))?;
    let verifier = WithAlternates { inner, alternates: tls.alternates.clone() };
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(settings)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match tls.dialing_pair() {
        Some(pair) => {
            let key = SingleCertAndKey::from(pem::pair(files, pair, provider)?);
            builder.with_client_cert_resolver(Arc::new(key))
        }
        None => builder.with_no_client_auth(),
    };
    // A resumed session would skip the verification, and so a certificate that was revoked or has expired since.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The configuration of the listening side.
fn server(
    tls: &Tls,
    files: &Files,
    provider: &Arc<CryptoProvider>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    key: SingleCertAndKey,
) -> Result<ServerConfig, TlsError> {
    let verifier = match &tls.client_ca {
        Some(path) => {
            let roots = Arc::new(pem::roots(files, path)?);
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                .with_crls(crls)
                .allow_unknown_revocation_status()
                .build()
                .map_err(|error| verifier_error(tls, &error))?
        }
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(settings)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(key));
    // As for the dialing side.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn verifier_error(tls: &Tls, error: &VerifierBuilderError) -> TlsError {
    match (error, &tls.crl) {
        (VerifierBuilderError::InvalidCrl(error), Some(path)) => {
            pem::bad(path, format!("a certificate revocation list cannot be read: {error:?}"))
        }
        (error, _) => settings(error),
    }
}
