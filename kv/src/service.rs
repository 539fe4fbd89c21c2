//! The services of a node: [`Kv`] for clients, [`Cluster`] for operators.
//!
//! The traits are the contract, `node/` implements them, and `client/` calls them. Errors are data: [`KvError`].

use bytes::Bytes;
use grid::Outgoing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Event, Item, Op, Outcome, Write};

/// The keys and values.
///
/// `grid call Kv/get '{"key": "a"}'` calls it from a shell. Writes need a session, so that a repetition is applied once.
#[grid::service(schema)]
pub trait Kv {
    /// Reads a key.
    #[handler(timeout = "5s")]
    async fn get(&self, request: GetRequest) -> Result<GetResponse, KvError>;

    /// Opens a session for writes, and returns its number.
    #[handler(timeout = "10s")]
    async fn open(&self) -> Result<u64, KvError>;

    /// Applies a batch, completely or not at all. The leader only.
    #[handler(timeout = "10s", request_bytes_max = 8388608)]
    async fn write(&self, write: Write) -> Result<Outcome, KvError>;

    /// Reads the keys with a prefix in their order. A long scan is not of one moment: keys that are written meanwhile are in it with
    /// the value that they have when it comes to them.
    async fn scan(&self, request: ScanRequest, out: Outgoing<Entry>) -> Result<(), KvError>;

    /// Follows changes from a revision on, in their order and without gaps. It ends when the node is not the leader any more, or at once
    /// if it is not; a stale watch is served by any node, and does not end by itself.
    async fn watch(&self, request: WatchRequest, out: Outgoing<Watched>) -> Result<(), KvError>;

    /// What this node knows of the group.
    #[handler(timeout = "5s")]
    async fn status(&self) -> Result<Status, KvError>;
}

/// The members of the group. Operators and nodes only.
#[grid::service(schema)]
pub trait Cluster {
    /// Adds a node, which must be running: as one that only receives the log until it has most of it, then with a vote.
    #[handler(timeout = "60s")]
    async fn add(&self, id: u64, name: String) -> Result<(), KvError>;

    /// Removes a node, which must be a member. It can be stopped when this has returned. Its id must not be used again.
    #[handler(timeout = "60s")]
    async fn remove(&self, id: u64) -> Result<(), KvError>;
}

/// How new what is read must be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// As new as everything that was acknowledged before: the leader asks a majority whether it still is one.
    #[default]
    Linearizable,
    /// The same as long as clocks run at about the same speed: the leader relies on the time that the others have promised it.
    Lease,
    /// What the node that is asked has applied, which may be old. Any node answers, also without a majority.
    Stale,
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetRequest {
    /// The key.
    pub key: String,
    /// How new it must be.
    #[serde(default)]
    pub consistency: Consistency,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetResponse {
    /// The value, or `None` if there is no such key.
    pub item: Option<Item>,
    /// The latest revision of the node at that moment, or a slightly earlier one.
    pub revision: u64,
}

/// What to scan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScanRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Only keys after this one, to go on after a failure.
    #[serde(default)]
    pub after: Option<String>,
    /// At most this many keys.
    #[serde(default)]
    pub limit: Option<u64>,
    /// How new the beginning must be.
    #[serde(default)]
    pub consistency: Consistency,
}

/// A key of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value.
    pub item: Item,
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WatchRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Changes after this revision; `None` for those from now on.
    #[serde(default)]
    pub after: Option<u64>,
    /// With `stale` any node serves it, which may be far behind.
    #[serde(default)]
    pub consistency: Consistency,
}

/// What a watch sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Watched {
    /// A change.
    Change(Event),
    /// All changes up to this revision were sent. The watch can be resumed after it, which it could not be after a change that is
    /// long ago, because only the latest changes are kept.
    Upto(u64),
}

/// What a node knows of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The node's id.
    pub id: u64,
    /// `leader`, `follower`, `candidate`, `learner` or `stopped`.
    pub role: String,
    /// The term.
    pub term: u64,
    /// The name of the leader, if the node knows one.
    pub leader: Option<String>,
    /// The latest entry of the node's log.
    pub last_log: Option<u64>,
    /// The latest entry that it has applied.
    pub applied: Option<u64>,
    /// The latest entry of its snapshot.
    pub snapshot: Option<u64>,
    /// The latest revision.
    pub revision: u64,
    /// The members.
    pub members: Vec<Member>,
}

/// A member of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name in the grid.
    pub name: String,
    /// Whether it has a vote.
    pub is_voter: bool,
}

/// Why a request has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub enum KvError {
    /// Only the leader serves this request, and this node is not it. Nothing was done.
    #[error("this node is not the leader, which is {}", leader.as_deref().unwrap_or("not known"))]
    NotLeader {
        /// The name of the leader, if the node knows it.
        leader: Option<String>,
    },
    /// The leader was deposed or has stopped while it replicated the request, which may have been applied. A write can be repeated
    /// with its sequence number.
    #[error("the leader has changed: the outcome is not known")]
    LeaderChanged {
        /// The name of the next leader, if the node knows it.
        leader: Option<String>,
    },
    /// The leader has not reached a majority. Nothing was read.
    #[error("no majority: {reason}")]
    NoMajority {
        /// The explanation.
        reason: String,
    },
    /// The request has keys or values that are too long, or too many of them. Nothing was done.
    #[error("{reason}")]
    TooLarge {
        /// The explanation.
        reason: String,
    },
    /// Changes since that revision are not kept any more.
    #[error(
        "the changes up to revision {upto} are not kept any more: scan, and watch from the latest revision on"
    )]
    Compacted {
        /// The latest revision that is gone.
        upto: u64,
    },
    /// The change of the members was refused.
    #[error("{reason}")]
    Members {
        /// The explanation.
        reason: String,
    },
    /// The request is invalid. Nothing was done.
    #[error("{reason}")]
    Invalid {
        /// The explanation.
        reason: String,
    },
    /// The node has failed, for example because its disk has.
    #[error("the node has failed: {reason}")]
    Failed {
        /// The explanation.
        reason: String,
    },
    /// The caller of a stream has left.
    #[error("the caller has left")]
    Gone,
}

/// The caller has left.
impl From<grid::Closed> for KvError {
    fn from(_: grid::Closed) -> Self {
        Self::Gone
    }
}

impl From<std::io::Error> for KvError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed { reason: error.to_string() }
    }
}

/// A batch with one value.
pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Op {
    Op::Put { key: key.into(), value: value.into() }
}
