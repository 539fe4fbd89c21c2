//! [`ClientError`], and which failures lead to another attempt.

use std::time::Duration;

use grid::{CallError, ErrorCode};

use crate::model::Item;
use crate::service::KvError;

/// Why an operation has failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No node has served it in time.
    #[error("not done within {after:?}{}: {last}", possibly(*.may_have_run))]
    #[non_exhaustive]
    Deadline {
        /// The time that it had.
        after: Duration,
        /// Whether it may have been done; never for a read.
        may_have_run: bool,
        /// What the last attempt has failed with.
        last: String,
    },
    /// The client was made without a node.
    #[error("the client has no nodes: name one at least")]
    NoNodes,
    /// The name of a node, or what the client was configured with, cannot be used.
    #[error("{0}")]
    Settings(String),
    /// A node cannot be reached. Operations that can be done by others go on until their time is over.
    #[error("cannot reach {node}: {reason}")]
    #[non_exhaustive]
    Unreachable {
        /// The name of the node.
        node: String,
        /// What has failed.
        reason: String,
        /// What the node does not accept, if another attempt would not help.
        refusal: Option<Refusal>,
    },
    /// No node accepts this client.
    #[error("all nodes refuse this client: {last}")]
    #[non_exhaustive]
    Denied {
        /// What they do not accept.
        refusal: Refusal,
        /// What the last attempt has failed with.
        last: String,
    },
    /// A check has failed. Nothing was changed.
    #[error("{key:?} is not as expected: {}", shown(.found.as_ref()))]
    Conflict {
        /// The key.
        key: String,
        /// What it is.
        found: Option<Item>,
    },
    /// The write was repeated, and meanwhile its session was forgotten: it was applied once, or not at all.
    #[error("the session has expired: the write may have been applied or not")]
    Unknown,
    /// The node has refused the request, as all others would.
    #[error("{0}")]
    Refused(KvError),
    /// The call has failed, and another attempt would not help.
    #[error("{0}")]
    Call(CallError),
}

/// What a node does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The proof that the client knows the secret: the secret differs, or a clock is wrong.
    Secret,
    /// There is no TLS between them: one of them does not use it, or the client does not trust the certificate.
    Tls,
}

/// What was found instead of what was expected.
fn shown(found: Option<&Item>) -> String {
    match found {
        Some(item) => format!("revision {} wrote it", item.modified),
        None => "it does not exist".to_owned(),
    }
}

fn possibly(may_have_run: bool) -> &'static str {
    if may_have_run { ", and may have been done" } else { "" }
}

impl From<CallError<KvError>> for ClientError {
    fn from(error: CallError<KvError>) -> Self {
        match error {
            CallError::Handler(error) => Self::Refused(error),
            CallError::Remote(error) => Self::Call(CallError::Remote(error)),
            CallError::ShutDown => Self::Call(CallError::ShutDown),
            CallError::Encode(error) => Self::Call(CallError::Encode(error)),
            CallError::Decode(error) => Self::Call(CallError::Decode(error)),
            // The others have a private form, and only their text matters.
            error => Self::Call(CallError::Remote(error.into())),
        }
    }
}

/// What follows from a failure.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// This node is the leader.
    Ask(String),
    /// Another node may help, or the same one later.
    Later,
    /// Nothing would help.
    Fail,
}

/// What follows from the failure of an attempt.
pub(super) fn next(error: &CallError<KvError>) -> Next {
    match error {
        CallError::Handler(KvError::NotLeader { leader } | KvError::LeaderChanged { leader }) => {
            leader.clone().map_or(Next::Later, Next::Ask)
        }
        // Of another node the disk may be good.
        CallError::Handler(KvError::NoMajority { .. } | KvError::Failed { .. } | KvError::Gone) => {
            Next::Later
        }
        CallError::Handler(_) => Next::Fail,
        CallError::Disconnected { .. } | CallError::DeadlineExceeded { .. } => Next::Later,
        CallError::Remote(error) => match error.code {
            ErrorCode::Overloaded | ErrorCode::ShuttingDown | ErrorCode::DeadlineExceeded => {
                Next::Later
            }
            _ => Next::Fail,
        },
        _ => Next::Fail,
    }
}

/// Whether a request that has failed so may have been done.
pub(super) fn may_have_run(error: &CallError<KvError>) -> bool {
    match error {
        CallError::Handler(KvError::LeaderChanged { .. } | KvError::Failed { .. }) => true,
        CallError::Handler(_) => false,
        error => error.may_have_run(),
    }
}
