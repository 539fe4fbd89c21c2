//! The one error type of this program.

/// Any error ends the process with its text, so no code distinguishes kinds of errors.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
