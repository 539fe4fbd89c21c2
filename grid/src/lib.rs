//! Calls and streams between servers, over exactly one WebSocket between each pair of them.
//!
//! Put [`#[grid::service]`](macro@service) on a trait, and there are a client and a server for it. A [`Manager`] is one
//! node: it serves, and holds a [`Connection`] to each of the others.
//!
//! ```
//! #[grid::service]
//! trait Volumes {
//!     async fn free(&self, volume: String) -> Result<u64, grid::RemoteError>;
//! }
//!
//! struct Disk;
//!
//! impl Volumes for Disk {
//!     async fn free(&self, volume: String) -> Result<u64, grid::RemoteError> {
//!         if volume.is_empty() { Err(grid::RemoteError::new("no such volume")) } else { Ok(4096) }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = "http://node1:9000";
//! let manager = grid::Manager::builder(node).service(VolumesServer::new(Disk)).build()?;
//! let volumes = VolumesClient::new(manager.connection(node)?);
//! assert_eq!(volumes.free("vol1".into()).await?, 4096);
//! assert!(volumes.free(String::new()).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - Typed: the attribute, [`Call`], [`Opening`] and the ends of streams ([`Outgoing`], [`Incoming`], [`Requests`],
//!   [`Responses`], [`Reply`]).
//! - Nodes: [`Manager`], [`Builder`], [`Connection`], [`State`], [`Stats`].
//! - Errors: [`CallError`] of calls, [`BuildError`] of nodes.
//! - Byte level, where both ends agree on bytes: [`Connection::request`], [`Connection::stream`],
//!   [`Builder::single_handler`], [`Builder::stream_handler`].

mod auth;
mod config;
mod descriptor;
mod error;
mod net;
mod proto;
mod rpc;

pub use auth::{Authenticate, Denied, NoAuth, SharedSecret};
pub use config::{Config, ROUTE};
pub use descriptor::{MethodInfo, MethodKind, Registered, ServiceDescriptor};
pub use error::{CallError, Closed, CodecError, ErrorCode, RemoteError, Sent};
/// The trait of all streams here, for `impl Stream` in services; `futures_util::StreamExt` has its methods.
#[doc(no_inline)]
pub use futures_core::Stream;
#[doc = include_str!("rpc/service.md")]
pub use grid_macros::service;
pub use net::{
    BuildError, Builder, Connection, ConnectionStats, Context, Dial, Dialing, Instance, Io,
    Manager, NameError, NotConnected, RawCall, RawOpening, RawReceiver, RawSender, Refused,
    RegisterError, State, Stats, UnknownHost,
};
#[cfg(feature = "__internals")]
#[doc(hidden)]
pub use proto::internals as __internals;
pub use proto::wire::{BadTraceContext, HandlerId, TraceContext};
pub use proto::{Capacities, dials};
#[doc(hidden)]
pub use rpc::private as __private;
pub use rpc::{
    ArgTuple, BoxStream, Call, ClientStreamMethod, DEFAULT_CAPACITY, HandlerError, Incoming,
    InputError, Json, Method, Mock, Opening, Outgoing, Payload, Raw, Registrar, Reply, Requests,
    Responses, SendError, Served, ServerStreamMethod, Service, TwoWayMethod,
};

/// The code of the README is code that runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
