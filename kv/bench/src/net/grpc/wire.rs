//! What both halves of gRPC know: the methods, their messages and the limits.

use bytes::Bytes;
use tonic_prost::ProstCodec;

pub(super) const APPEND: &str = "/raft.Raft/Append";
pub(super) const STREAM: &str = "/raft.Raft/StreamAppend";
pub(super) const VOTE: &str = "/raft.Raft/Vote";
pub(super) const PRE_VOTE: &str = "/raft.Raft/PreVote";
pub(super) const SNAPSHOT: &str = "/raft.Raft/Snapshot";

/// HTTP/2 windows of a stream and of a connection: with the default of 64 KiB, snapshots wait for the peer.
pub(super) const STREAM_WINDOW: u32 = 2 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 8 << 20;

/// The longest message. The default of 4 MiB is what `kv` permits for a batch, without what is around it.
pub(super) const MESSAGE_MAX: usize = 16 << 20;

/// Each message: one of openraft's values as msgpack, or a chunk of a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Envelope {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) data: Bytes,
}

pub(super) fn codec() -> ProstCodec<Envelope, Envelope> {
    ProstCodec::default()
}
