//! [`Failure`]: why the program ends, and with which exit code.

use std::io;
use std::process::ExitCode;

use grid_kv::client::{ClientError, Refusal};
use grid_kv::service::KvError;

/// Why the program ends.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer is no.
    No(String),
    /// Wrong usage or settings.
    Usage(String),
    /// Not done.
    NotDone(String),
    /// A write may have been applied or not.
    Unknown(String),
}

impl Failure {
    /// Prints the reason, and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (code, text) = match self {
            Self::No(text) => (1, text),
            Self::Usage(text) => (2, text),
            Self::NotDone(text) => (3, text),
            Self::Unknown(text) => (4, text),
        };
        eprintln!("error: {text}");
        ExitCode::from(code)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Conflict { found: None, .. } => Self::No(text),
            ClientError::Conflict { found: Some(item), key } => {
                let (revision, value) = (item.modified, String::from_utf8_lossy(&item.value));
                Self::No(format!("{key:?} is not as expected: revision {revision} wrote {value:?}"))
            }
            ClientError::Deadline { may_have_run: true, .. } | ClientError::Unknown => {
                Self::Unknown(format!("{text}; read the key to see"))
            }
            ClientError::Deadline { .. } => Self::NotDone(format!(
                "{text}; check with `kv status` that most members run and know a leader, or wait longer with --timeout-seconds"
            )),
            ClientError::NoNodes
            | ClientError::Settings(_)
            | ClientError::Refused(KvError::Invalid { .. }) => Self::Usage(text),
            ClientError::Denied { refusal: Refusal::Secret, .. } => Self::NotDone(format!(
                "{text}; compare the secret of clients (--secret-file) and the clock with those of the nodes"
            )),
            ClientError::Denied { .. } => Self::NotDone(format!(
                "{text}; check that names begin with https:// if the nodes use TLS, or else with http://, and that --tls-ca is their CA"
            )),
            _ => Self::NotDone(text),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::NotDone(error.to_string())
    }
}
