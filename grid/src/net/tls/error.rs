//! [`TlsError`]: why TLS cannot be set up.

/// Why TLS cannot be set up: [`BuildError::Tls`](crate::BuildError::Tls) contains it, and so does the warning of a reload
/// that has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the TLS file {file}: {reason}")]
    #[non_exhaustive]
    Read {
        /// The path.
        file: String,
        /// The error of the system.
        reason: String,
    },
    /// A file does not contain what it should.
    #[error("{file} contains no {expected}, but {found}")]
    #[non_exhaustive]
    Missing {
        /// The path.
        file: String,
        /// What it should contain.
        expected: &'static str,
        /// The kinds of the PEM blocks in it.
        found: String,
    },
    /// What a file contains cannot be used.
    #[error("bad TLS file {file}: {reason}")]
    #[non_exhaustive]
    Bad {
        /// The path.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A key does not belong to its certificate.
    #[error("the key in {key} does not belong to the certificate in {certificate}")]
    #[non_exhaustive]
    KeyMismatch {
        /// The path of the certificate.
        certificate: String,
        /// The path of the key.
        key: String,
    },
    /// The node's own certificate has expired.
    #[error("the certificate in {file} has expired: it was valid until {until}")]
    #[non_exhaustive]
    Expired {
        /// The path.
        file: String,
        /// The time, such as `2026-11-26T08:00:00Z`.
        until: String,
    },
    /// The node's own certificate is not valid yet.
    #[error("the certificate in {file} is not valid yet: it is valid from {from} on")]
    #[non_exhaustive]
    NotYetValid {
        /// The path.
        file: String,
        /// The time, such as `2026-11-26T08:00:00Z`.
        from: String,
    },
    /// The system has no CA certificates.
    #[error("the system has no CA certificates: {reason}")]
    #[non_exhaustive]
    NoSystemRoots {
        /// Where they were searched, or what failed.
        reason: String,
    },
    /// There is no implementation of the cryptography.
    #[error(
        "TLS has no cryptography: enable the feature `tls`, call `CryptoProvider::install_default`, or use `Tls::provider`"
    )]
    NoProvider,
    /// The settings do not fit together.
    #[error("bad TLS settings: {reason}")]
    #[non_exhaustive]
    Settings {
        /// What does not fit.
        reason: String,
    },
}
