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
//! // The address of a `BasicNode` is its name in the grid, letter by letter.
//! openraft::declare_raft_types!(pub Types: D = String, R = String);
//!
//! async fn start<LS, SM>(id: u64, log: LS, machine: SM) -> Result<Raft<Types, SM>, Box<dyn std::error::Error>>
//! where
//!     LS: RaftLogStorage<Types>,
//!     SM: RaftStateMachine<Types, SnapshotData = File>,
//! {
//!     let all = [1, 2, 3].map(|id| format!("http://node{id}:9000"));
//!     // Received snapshots are written to temporary files.
//!     let create = || async { Ok(File::from_std(tempfile::tempfile()?)) };
//!     let group = RaftGroup::new("kv", create);
//!     let manager = Manager::builder(format!("http://node{id}:9000"))
//!         .hosts(all.clone())
//!         .token(SharedSecret::new("correct horse"))
//!         .service(group.clone()) // a service of yours gets a clone as well, for `RaftGroup::raft`
//!         .build()?;
//!
//!     let config = Config {
//!         heartbeat_interval: 100,
//!         election_timeout_min: 500,
//!         election_timeout_max: 1000,
//!         install_snapshot_timeout: 20_000, // the time for a link that was lost to come back
//!         max_in_snapshot_log_to_keep: 100_000, // what is written while a snapshot is sent, see "Limits"
//!         enable_pre_vote: Some(true), // a node that was away does not depose the leader
//!         ..Config::default()
//!     };
//!     let config = Arc::new(config.validate()?);
//!     let raft = Raft::new(id, config, group.network(&manager, id), log, machine).await?;
//!     group.start(raft.clone());
//!     manager.members().follow(RaftMembers::new(&manager, all).group(&group, &raft));
//!     // This may also come first: until `start`, other nodes see `Unreachable`, and come again.
//!     tokio::spawn(manager.serve(tokio::net::TcpListener::bind("0.0.0.0:9000").await?));
//!     Ok(raft)
//! }
//! ```
//!
//! The application depends on openraft itself, in the same version and with its feature `tokio-rt`, which
//! [`declare_raft_types!`](openraft::declare_raft_types) needs. The re-export is not enough.
//!
//! To stop, call [`Raft::shutdown`](openraft::Raft::shutdown), which ends the streams in both directions, then
//! [`Manager::shutdown`](grid::Manager::shutdown).
//!
//! # Methods
//!
//! | openraft | grid |
//! |---|---|
//! | `stream_append` | one ordered stream in each direction, pipelined. Requests above 1 MiB are split |
//! | heartbeats, `append_entries`, `vote`, `pre_vote`, `transfer_leader` | single requests, which must fit into a message |
//! | `full_snapshot` | a stream of chunks, resumed if the link is lost |
//! | | a stream of memberships from each other node, see [`RaftMembers`] |
//!
//! grid queues large messages, such as chunks of snapshots, apart from small ones, and sends them in parts: a heartbeat waits for
//! one part of 32 KiB at most. A slow follower slows down only its own stream.
//!
//! # Limits
//!
//! - An entry must fit into a message: see [`Config::message_bytes_max`](grid::Config::message_bytes_max). Snapshots need 256 KiB.
//! - Of a snapshot, each end holds the window of a stream, [`Config::stream_window_max`](grid::Config::stream_window_max), and
//!   a few chunks of 128 KiB. It is sent at a [`SnapshotRate`], and the leader must keep what is written meanwhile. A follower
//!   keeps an incomplete one for one and a half times `install_snapshot_timeout`, at most one per group.
//! - An answer to entries is late after three quarters of openraft's `heartbeat_interval`, and a second for each 32 KiB of the request:
//!   a line must carry that much. A follower answers when the entries are on its disk: choose an interval of several times what a
//!   sync of the disk takes.
//! - Check the size of entries before [`client_write`](openraft::Raft::client_write): one that does not fit into a message, or is
//!   always late, is sent again and again, and nothing after it.
//!
//! # Why the service has raw payloads
//!
//! `#[grid::service]` refuses generic traits, because the ids of methods do not depend on types. A macro that stamps a service for
//! each type configuration would let grid encode the values itself; but each user would have to invoke it, and groups with two
//! configurations would need two names. So the service is defined here once, with bytes for payloads, and the generic code around it
//! encodes them as msgpack with field names, because openraft adds fields between releases. Reflection shows the service like any
//! other. The cost: `Vec<u8>` in your data is encoded byte by byte, so use [`bytes::Bytes`] for long values.
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
mod node;
mod reports;
mod snapshot;
mod target;
mod wire;

/// The version that the traits are of.
#[doc(no_inline)]
pub use openraft;

pub use crate::error::rpc_error;
pub use crate::group::RaftGroup;
pub use crate::members::RaftMembers;
pub use crate::network::{GridClient, GridNetwork};
pub use crate::node::GridNode;
pub use crate::snapshot::SnapshotData;
pub use crate::snapshot::SnapshotRate;
pub use crate::wire::SERVICE;
