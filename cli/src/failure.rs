//! [`Failure`]: what ends a command, and its exit code.

use std::process::ExitCode;

use grid::{CallError, ErrorCode, GuestError};

use crate::value::Invalid;

/// What the exit codes of all commands but `check` mean, for the end of a program's help.
pub const EXIT_CODES: &str = "Exit codes: 0 done; 1 the method's own error; 2 wrong usage or input, which was not sent; \
3 no connection; 4 not permitted; 5 deadline exceeded; 6 no such service or method; 7 the connection was lost, and the call may \
have run; 8 overloaded or shutting down; 9 any other error of the node.";

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An option or an argument is wrong; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The input does not fit the method; nothing was sent.
    #[error("{0}")]
    Input(#[from] Invalid),
    /// There is no connection to the node.
    #[error("{0}")]
    Connect(#[from] GuestError),
    /// The node does not have this service or method.
    #[error("{0}")]
    Unknown(String),
    /// A call has failed.
    #[error("{0}")]
    Call(#[from] CallError),
    /// `grid check` has found something, and printed it.
    #[error("the check has found something")]
    Check {
        /// Whether calls fail or will fail.
        is_critical: bool,
    },
    /// `grid check` does not know how the grid is.
    #[error("{0}")]
    NoVerdict(String),
    /// Reading the input or writing the output has failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Failure {
    /// Its exit code; `grid --help` lists them.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::Input(_) => 2,
            Self::Connect(_) => 3,
            Self::Unknown(_) => 6,
            Self::Check { is_critical: false } => 1,
            Self::Check { is_critical: true } => 2,
            Self::NoVerdict(_) => 3,
            Self::Io(_) => 9,
            Self::Call(error) => of_call(error),
        })
    }
}

fn of_call(error: &CallError) -> u8 {
    match error {
        CallError::DeadlineExceeded { .. } => 5,
        CallError::Disconnected { .. } | CallError::ShutDown if !error.may_have_run() => 3,
        CallError::Disconnected { .. } | CallError::ShutDown => 7,
        CallError::Encode(_) => 2,
        CallError::Remote(error) => match error.code {
            ErrorCode::Handler | ErrorCode::Text => 1,
            ErrorCode::NotPermitted => 4,
            ErrorCode::DeadlineExceeded => 5,
            ErrorCode::UnknownHandler => 6,
            ErrorCode::Overloaded | ErrorCode::ShuttingDown => 8,
            _ => 9,
        },
        _ => 9,
    }
}
