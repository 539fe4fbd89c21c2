//! Snapshots as streams of bytes: [`send`](send()) at the leader, [`Receiver`] at the follower.
//!
//! What is in memory of a snapshot is bounded by the window of a stream and its chunks, at both ends, however long it is.

mod rate;
mod receive;
mod send;

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite};

pub use rate::SnapshotRate;
pub(crate) use receive::{Receiver, alive};
pub(crate) use send::send;

/// What can be the [`SnapshotData`](openraft::storage::RaftStateMachine::SnapshotData) of a state machine, such as a
/// `tokio::fs::File` or a `Cursor<Vec<u8>>`.
///
/// The leader reads it from its beginning to its end. The follower writes what it receives, and returns to the beginning before
/// the state machine installs it.
pub trait SnapshotData: AsyncRead + AsyncSeek + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncSeek + AsyncWrite + Unpin + Send + 'static> SnapshotData for T {}
