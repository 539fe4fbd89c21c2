//! [`Failure`]: what ends a command, and its exit code.

use std::process::ExitCode;

use grid::{BuildError, CallError, ErrorCode, GuestError, LinkError};

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
    #[error("{}", explained(.0))]
    Connect(GuestError),
    /// The node to connect to has another name.
    #[error("cannot connect to {wanted}: this node is called {answered}: pass `--node {answered}`")]
    OtherName {
        /// The name that was given.
        wanted: String,
        /// The name of the node that has answered.
        answered: String,
    },
    /// The node does not have this service or method.
    #[error("{0}")]
    Unknown(String),
    /// A call has failed.
    #[error("{0}")]
    Call(#[from] CallError),
    /// Some of several nodes have not answered, and were named.
    #[error("{failed} of {nodes} nodes have not answered")]
    Some {
        /// How many.
        failed: usize,
        /// Of how many that were asked.
        nodes: usize,
        /// Why the first of them has not.
        first: Box<Self>,
    },
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
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Input(_) => 2,
            Self::Connect(_) | Self::OtherName { .. } => 3,
            Self::Unknown(_) => 6,
            Self::Check { is_critical: false } => 1,
            Self::Check { is_critical: true } => 2,
            Self::NoVerdict(_) => 3,
            Self::Io(_) => 9,
            Self::Call(error) => of_call(error),
            Self::Some { first, .. } => first.code(),
        }
    }
}

impl Failure {
    /// The same, for the node that the user has named: there the name is wrong, while one of a host list may be that of a node
    /// whose address has been given to another.
    pub(crate) fn of_given_node(self) -> Self {
        let Self::Connect(GuestError::Connect { node, reason, .. }) = &self else { return self };
        let LinkError::WrongNode { answered, .. } = &**reason else { return self };
        Self::OtherName { wanted: node.clone(), answered: answered.clone() }
    }
}

/// A guest that cannot be built has wrong options; nothing was dialed.
impl From<GuestError> for Failure {
    fn from(error: GuestError) -> Self {
        match error {
            GuestError::Build(BuildError::BadName(bad)) if !bad.name.contains("://") => {
                Self::Usage(format!("`{0}` is not a node name: write http://{0}", bad.name))
            }
            GuestError::Build(error) => Self::Usage(with_options(&error.to_string())),
            error => Self::Connect(error),
        }
    }
}

/// The text of the error, in the words of this program, and what to do.
fn explained(error: &GuestError) -> String {
    let text = with_options(&error.to_string());
    let GuestError::Connect { node, reason, .. } = error else { return text };
    if matches!(**reason, LinkError::Unproven { .. }) {
        return format!(
            "the secret is wrong for guests of this node, or something else is at its address: {text}"
        );
    }
    if text.contains("not a token of a `SharedSecret`") {
        return format!(
            "cannot connect to {node}: the node wants a secret: set GRID_SECRET or pass `--secret-file`"
        );
    }
    match text.contains("auth token: invalid token") {
        true => format!("the secret is wrong for guests of this node: {text}"),
        false => text,
    }
}

/// The text with the options of this program in place of the settings that they set.
fn with_options(text: &str) -> String {
    text.replace("`Config::connect_timeout`", "`--connect-timeout`")
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
