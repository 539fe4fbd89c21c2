//! What travels between two nodes of a group: the service, and the encoding of what it sends.
//!
//! Values are msgpack with the names of fields, because openraft adds fields with defaults between releases.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use grid::{CodecError, Context, Incoming, Outgoing, Raw, RemoteError};
use openraft::RaftTypeConfig;
use openraft::entry::RaftEntry;
use openraft::metrics::RaftServerMetrics;
use openraft::raft::{AppendEntriesRequest, SnapshotResponse};
use openraft::type_config::alias::{SnapshotMetaOf, StoredMembershipOf, VoteOf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::node::GridNode;

/// Entries of a longer request are sent as several ones, so that a request of any number of entries fits into messages. Each is
/// answered by itself: a line that is lost in between has carried what was answered.
pub(crate) const REQUEST_BYTES: usize = 1 << 20;

/// One node of a group, as other nodes call it.
///
/// The payloads are openraft's types for a type configuration, see the documentation of the crate.
#[grid::service(name = "Raft")]
pub(crate) trait Wire {
    /// An `AppendEntriesRequest`, answered by an `AppendEntriesResponse`: for heartbeats.
    async fn append(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError>;

    /// `AppendEntriesRequest`s, each answered by a `StreamAppendResult`, in their order. The first one is the argument, so that its
    /// answer takes one round trip.
    async fn stream_append(
        &self,
        cx: &Context,
        first: Raw,
        requests: Incoming<Raw>,
        answers: Outgoing<Raw>,
    ) -> Result<(), RemoteError>;

    /// A `VoteRequest`, answered by a `VoteResponse`.
    async fn vote(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError>;

    /// A `VoteRequest` that changes nothing at the callee, answered by a `VoteResponse`.
    async fn pre_vote(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError>;

    /// A `TransferLeaderRequest`, answered by a `TransferLeaderResponse`.
    async fn transfer_leader(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError>;

    /// A [`Header`], then the bytes of the snapshot from where the first [`Progress`] says.
    async fn install_snapshot(
        &self,
        cx: &Context,
        header: Raw,
        chunks: Incoming<Bytes>,
        progress: Outgoing<Raw>,
    ) -> Result<(), RemoteError>;

    /// The [`Memberships`] of the callee, and each later one.
    async fn memberships(&self, cx: &Context, out: Outgoing<Raw>) -> Result<(), RemoteError>;
}

/// The name of the service between the nodes of a group, for filters of calls, logs and metrics.
pub const SERVICE: &str = WireClient::DESCRIPTOR.name();

/// The members that a node knows.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Memberships<C: RaftTypeConfig> {
    /// The last in its log.
    last: StoredMembershipOf<C>,
    /// The last that is committed.
    committed: StoredMembershipOf<C>,
}

impl<C: RaftTypeConfig> Memberships<C> {
    pub(crate) fn of(metrics: &RaftServerMetrics<C>) -> Self {
        let last = (*metrics.membership_config).clone();
        Self { last, committed: (*metrics.committed_membership_config).clone() }
    }

    /// The names of the nodes of those of both that are newer than the committed one of the other node.
    pub(crate) fn newer_hosts(&self, other: &Self) -> impl Iterator<Item = String>
    where
        C::Node: GridNode,
    {
        let both = [&self.last, &self.committed].into_iter();
        let newer = both.filter(|one| one.log_id() > other.committed.log_id());
        newer.flat_map(|one| one.nodes()).map(|(_, node)| node.grid_name().to_owned())
    }

    /// The names of the nodes of both.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = String>
    where
        C::Node: GridNode,
    {
        let nodes = [&self.last, &self.committed].into_iter().flat_map(|both| both.nodes());
        nodes.map(|(_, node)| node.grid_name().to_owned())
    }
}

/// Announces a snapshot.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Header<C: RaftTypeConfig> {
    /// Chosen at random by the sender for one snapshot and its bytes. A transfer that is continued has the same number.
    pub(crate) transfer: u64,
    pub(crate) vote: VoteOf<C>,
    pub(crate) meta: SnapshotMetaOf<C>,
    /// Length of the snapshot. The end of the input does not say that it is complete: a sender that is dropped ends it, too.
    pub(crate) len: u64,
    /// How long the sender waits for a sign of life.
    pub(crate) ttl_ms: u64,
}

/// What the receiver of a snapshot tells.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum Progress<C: RaftTypeConfig> {
    /// The first one: it has this many bytes.
    From(u64),
    /// It is still busy with writing or installing.
    Alive,
    /// The last one: the snapshot is installed, or its vote is outdated.
    Installed(SnapshotResponse<C>),
}

/// Encodes a value of openraft.
pub(crate) fn encode(value: &impl Serialize) -> Result<Raw, CodecError> {
    rmp_serde::to_vec_named(value).map(Raw::from).map_err(CodecError::new)
}

/// Decodes a value of openraft.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    rmp_serde::from_slice(bytes).map_err(CodecError::new)
}

/// An error for the caller.
pub(crate) fn text(error: impl fmt::Display) -> RemoteError {
    RemoteError::new(error.to_string())
}

/// Encodes a request as one or several ones that append the same entries.
pub(crate) fn encode_parts<C: RaftTypeConfig>(
    mut request: AppendEntriesRequest<C>,
    parts: &mut VecDeque<Raw>,
) -> Result<(), CodecError> {
    let whole = encode(&request)?;
    let entries = request.entries.len();
    if whole.len() <= REQUEST_BYTES || entries < 2 {
        parts.push_back(whole);
        return Ok(());
    }
    drop(whole);
    let later = request.entries.split_off(entries / 2);
    let later = AppendEntriesRequest::<C> {
        vote: request.vote.clone(),
        prev_log_id: request.entries.last().map(RaftEntry::log_id),
        entries: later,
        // A follower applies no further than its own log.
        leader_commit: request.leader_commit.clone(),
    };
    encode_parts(request, parts)?;
    encode_parts(later, parts)
}
