//! Reads certificates, keys and revocation lists from the contents of PEM files. Errors name the file, and never what is in
//! a key.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys};

use super::error::TlsError;
use super::files::{Files, shown};
use super::settings::Pair;
use crate::certificate::PeerCertificate;
use crate::entropy;
use crate::error::{Utc, one_line};

/// The CAs of a file.
pub(super) fn roots(files: &Files, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(files, path)? {
        let added = roots.add(certificate);
        added.map_err(|error| bad(path, format!("a CA certificate cannot be read: {error}")))?;
    }
    Ok(roots)
}

/// The revocation lists of a file.
pub(super) fn revoked(
    files: &Files,
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    blocks(files, path, "certificate revocation list (`BEGIN X509 CRL`)")
}

/// A certificate and its key, which must belong to each other.
pub(super) fn pair(
    files: &Files,
    pair: &Pair,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let Pair { certificate, key } = pair;
    let chain = certificates(files, certificate)?;
    let mut keys: Vec<PrivateKeyDer<'static>> =
        blocks(files, key, "private key (`BEGIN PRIVATE KEY`)")?;
    CertifiedKey::from_der(chain, keys.swap_remove(0), provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::KeyMismatch { certificate: shown(certificate), key: shown(key) }
        }
        rustls::Error::InvalidCertificate(error) => {
            bad(certificate, format!("the certificate cannot be read: {error}"))
        }
        // The library names the kinds of keys that it knows.
        error => bad(key, error.to_string()),
    })
}

fn certificates(files: &Files, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    blocks(files, path, "certificate (`BEGIN CERTIFICATE`)")
}

/// The blocks of one kind. There is at least one.
fn blocks<T: PemObject>(
    files: &Files,
    path: &Path,
    expected: &'static str,
) -> Result<Vec<T>, TlsError> {
    let content = files.content(path);
    let blocks: Result<Vec<T>, _> = T::pem_slice_iter(content).collect();
    let blocks = blocks.map_err(|error| {
        // Not the text of the error, which may contain a line of the file.
        let reason = match error {
            pem::Error::MissingSectionEnd { .. } => "a PEM block has no end",
            pem::Error::IllegalSectionStart { .. } => "a line that begins a PEM block is malformed",
            pem::Error::Base64Decode(_) => "a PEM block is not valid Base64",
            _ => "it is not valid PEM",
        };
        bad(path, reason.to_owned())
    })?;
    match blocks.is_empty() {
        true => Err(TlsError::Missing { file: shown(path), expected, found: kinds(content) }),
        false => Ok(blocks),
    }
}

/// Kinds of PEM blocks in one text.
const KINDS_MAX: usize = 5;

/// The kinds of PEM blocks in a file, for an error.
fn kinds(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let kind = |line: &str| {
        let kind = line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        Some(one_line(kind))
    };
    let mut kinds: Vec<_> = text.lines().filter_map(kind).collect();
    kinds.dedup();
    kinds.truncate(KINDS_MAX);
    if kinds.iter().any(|kind| kind == "ENCRYPTED PRIVATE KEY") {
        return "a key with a passphrase, which cannot be used: remove it with `openssl pkey`"
            .to_owned();
    }
    match (content.is_empty(), kinds.is_empty()) {
        (true, _) => "nothing: the file is empty".to_owned(),
        (_, true) => "no PEM block at all".to_owned(),
        (_, false) => format!("`BEGIN {}`", kinds.join("`, `BEGIN ")),
    }
}

/// Checks that the node's own certificate is valid now: other nodes would refuse it.
pub(super) fn check_validity(files: &Files, path: &Path) -> Result<(), TlsError> {
    let chain = certificates(files, path)?;
    let own = chain.iter().take(1).map(|own| own.to_vec()).collect();
    let own = PeerCertificate::from_chain(own).map_err(|error| bad(path, error.to_string()))?;
    let now = entropy::time_of_day();
    if now > own.valid_until() {
        let until = Utc(own.valid_until()).to_string();
        return Err(TlsError::Expired { file: shown(path), until });
    }
    if now < own.valid_from() {
        let from = Utc(own.valid_from()).to_string();
        return Err(TlsError::NotYetValid { file: shown(path), from });
    }
    Ok(())
}

pub(super) fn bad(path: &Path, reason: String) -> TlsError {
    TlsError::Bad { file: shown(path), reason }
}
