//! What is stored and what is written: the commands that nodes replicate, and their outcomes.
//!
//! They can be sent to clients as they are. `store/apply.rs` says what each command does.

use std::fmt;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest key, in bytes: enough for a path. Keys are in the index of the database, which is slow if they are long.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest value, in bytes. With its key it must fit into an entry of the log, which is sent as one message.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// The most operations of a batch. All of them are applied in one transaction, during which nothing else is.
pub const BATCH_OPS_MAX: usize = 1024;
/// The most bytes of keys and values in a batch, which is one entry of the log.
pub const BATCH_BYTES_MAX: usize = 4 << 20;

openraft::declare_raft_types!(
    /// The types of the group. The address of a node is its name in the grid.
    pub Types: D = Command, R = Outcome
);

/// A value, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The value.
    pub value: Bytes,
    /// The revision that created the key.
    pub created: u64,
    /// The revision that wrote this value.
    pub modified: u64,
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The revision of the write. All changes of a batch have the same.
    pub revision: u64,
    /// The key.
    pub key: String,
    /// The new value, or `None` if the key was deleted.
    pub value: Option<Bytes>,
}

/// What a key must be for a batch to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Expect {
    /// The key does not exist.
    Absent,
    /// The key was written by this revision.
    Revision(u64),
    /// The key has this value.
    Value(Bytes),
}

/// One operation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Op {
    /// Applies the batch only if this holds. Checks see the state before the batch, wherever they are in it.
    Check {
        /// The key.
        key: String,
        /// What it must be.
        expect: Expect,
    },
    /// Writes a value.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
    },
    /// Deletes a key. It need not exist.
    Delete {
        /// The key.
        key: String,
    },
}

/// A write of a client: a batch, which is applied completely or not at all, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Write {
    /// The session, from [`Command::Open`].
    pub session: u64,
    /// The number of this write in its session. A repetition of the last number is answered with the outcome that the first had,
    /// and not applied again.
    pub sequence: u64,
    /// The batch.
    pub ops: Vec<Op>,
}

/// What is replicated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens a session.
    Open,
    /// Applies a batch.
    Write(Write),
}

/// What has become of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// An entry of openraft's own.
    Nothing,
    /// The session is open.
    Opened {
        /// Its number.
        session: u64,
    },
    /// The batch was applied.
    Applied {
        /// Its revision, or the latest one if the batch has changed nothing.
        revision: u64,
        /// How many keys it has written or deleted.
        changed: u64,
    },
    /// A check has failed, so that nothing was changed.
    Conflict {
        /// The key of the first check that has failed.
        key: String,
        /// What the key was. What it is now, which may be what was expected, if the write was repeated and that was a value of more
        /// than 4 KiB.
        found: Option<Item>,
    },
    /// The session is not known: too many others have written since. Nothing was changed by this command, but if it was sent
    /// before, that one may have been applied.
    Expired,
    /// A later write of the session was applied before. Nothing was changed by this command.
    Outdated,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Write(Write { session, sequence, ops }) => {
                write!(f, "write {sequence} of session {session}: {} operations", ops.len())
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Opened { session } => write!(f, "session {session} is open"),
            Self::Applied { revision, changed } => write!(f, "revision {revision}: {changed} keys"),
            Self::Conflict { key, .. } => write!(f, "conflict at {key:?}"),
            Self::Expired => f.write_str("the session has expired"),
            Self::Outdated => f.write_str("outdated"),
        }
    }
}

/// Why a batch is refused before it is replicated, or `None`.
pub fn refused(ops: &[Op]) -> Option<String> {
    if ops.is_empty() || ops.len() > BATCH_OPS_MAX {
        return Some(format!("a batch has 1 to {BATCH_OPS_MAX} operations, not {}", ops.len()));
    }
    let mut bytes = 0;
    for op in ops {
        let (key, value) = op.parts();
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Some(format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len()));
        }
        if value > VALUE_BYTES_MAX {
            return Some(format!("a value has at most {VALUE_BYTES_MAX} bytes, not {value}"));
        }
        bytes += key.len() + value;
    }
    (bytes > BATCH_BYTES_MAX)
        .then(|| format!("a batch has at most {BATCH_BYTES_MAX} bytes, not {bytes}"))
}

impl Op {
    /// The key, and how long the value is.
    fn parts(&self) -> (&str, usize) {
        match self {
            Self::Put { key, value } | Self::Check { key, expect: Expect::Value(value) } => {
                (key, value.len())
            }
            Self::Check { key, .. } | Self::Delete { key } => (key, 0),
        }
    }
}
