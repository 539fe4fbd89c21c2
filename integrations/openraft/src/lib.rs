//! The network of [openraft](https://docs.rs/openraft) over [grid](https://docs.rs/grid-rpc): all groups of a node share one link to
//! each other node, with the application's own calls.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use grid::{Manager, SharedSecret};
//! use grid_openraft::{RaftGroup, RaftMembers};
//! use openraft::storage::{RaftLogStorage, RaftStateMachine};
//! use openraft::{Config, Raft};
//! use tokio::fs::File;
//!
//! // The address of a `BasicNode` is its name in the grid.
//! openraft::declare_raft_types!(pub Types: D = String, R = String);
//!
//! async fn start<LS, SM>(id: u64, log: LS, machine: SM) -> Result<Raft<Types, SM>, Box<dyn std::error::Error>>
//! where
//!     LS: RaftLogStorage<Types>,
//!     SM: RaftStateMachine<Types, SnapshotData = File>,
//! {
//!     let all = [1, 2, 3].map(|id| format!("http://node{id}:9000"));
//!     // Received snapshots are written to files without a name.
//!     let create = || async { Ok(File::from_std(tempfile::tempfile()?)) };
//!     let group = RaftGroup::new("kv", create);
//!     let manager = Manager::builder(format!("http://node{id}:9000"))
//!         .hosts(all.clone())
//!         .token(SharedSecret::new("correct horse"))
//!         .service(group.clone())
//!         .build()?;
//!     tokio::spawn(manager.serve(tokio::net::TcpListener::bind("0.0.0.0:9000").await?));
//!
//!     let config = Arc::new(Config { install_snapshot_timeout: 10_000, ..Config::default() }.validate()?);
//!     let raft = Raft::new(id, config, group.network(&manager, id), log, machine).await?;
//!     group.start(raft.clone());
//!     manager.members().follow(RaftMembers::new(all).group(&raft));
//!     Ok(raft)
//! }
//! ```
//!
//! # What is sent how
//!
//! | openraft | grid |
//! |---|---|
//! | `stream_append` | a stream in both directions, ordered and pipelined. Requests above 1 MiB are split |
//! | heartbeats, `append_entries`, `vote`, `pre_vote`, `transfer_leader` | single requests, at most as long as a message may be |
//! | `full_snapshot` | a stream of chunks, continued after a loss of the link |
//!
//! Chunks of snapshots and requests with many entries are in grid's queues of large messages, and sent in parts: a heartbeat waits
//! for one part of 32 KiB at most. A slow follower slows down its own stream only.
//!
//! # Limits
//!
//! An entry must fit into a message, [`Config::message_bytes_max`](grid::Config::message_bytes_max), which must be 2 MiB at least
//! for snapshots. Of a snapshot, each end holds the
//! window of a stream, [`Config::stream_window_max`](grid::Config::stream_window_max), and a few chunks of 1 MiB. A snapshot that was
//! interrupted is kept for one and a half times `install_snapshot_timeout`, then dropped.
//!
//! # Why the service has raw payloads
//!
//! `#[grid::service]` refuses generic traits, because the ids of methods do not depend on types. A macro that stamps a service for
//! each type configuration would let grid encode the values itself; but each user would have to invoke it, and groups with two
//! configurations would need two names. So the service is defined here once, with bytes for payloads, and the generic code around it
//! encodes them, as msgpack with field names: openraft adds fields between releases. The service has its name, ids and reflection as
//! any other. What is lost: `Vec<u8>` in your data is encoded byte by byte, so use [`bytes::Bytes`] for long values.
//!
//! # Versions
//!
//! This is for openraft 0.10, whose network traits have `stream_append` and leave the transfer of snapshots to the application. It is
//! a pre-release that still changes, so exactly one version is required.

mod append;
mod error;
mod group;
mod members;
mod network;
mod snapshot;
mod target;
mod wire;

/// The version that the traits are of.
#[doc(no_inline)]
pub use openraft;

pub use crate::error::rpc_error;
pub use crate::group::RaftGroup;
pub use crate::members::RaftMembers;
pub use crate::network::{GridClient, GridNetwork, GridNode};
pub use crate::snapshot::SnapshotData;
