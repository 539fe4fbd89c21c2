//! The one error type of this program.

/// Whatever goes wrong ends the process with its text; nobody asks what kind it was.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
