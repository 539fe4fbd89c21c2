//! Calls and streams between servers, over a single WebSocket between each pair of them.
//!
//! [`#[grid::service]`](macro@service) on a trait generates a client and a server for it. A [`Manager`] is one node: it
//! serves its services, and has a [`Connection`] to each other node.
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
//! - Typed calls: the attribute, [`Call`], [`Opening`] and the ends of streams ([`Outgoing`], [`Incoming`], [`Requests`],
//!   [`Responses`], [`Reply`]).
//! - Calls to several nodes: [`Group`], [`GroupCall`], [`GroupStream`].
//! - Nodes: [`Manager`], [`Builder`], [`Config`], [`Connection`], [`State`], [`Stats`].
//! - Who may connect and call: [`Authenticate`], [`SharedSecret`], [`StaticToken`], [`NoAuth`], [`Identity`],
//!   [`Builder::permit`].
//! - Calls that are repeated: [`Retry`], [`RetryBudget`], [`Hedge`], and `#[handler(idempotent)]` of the attribute.
//! - Several nodes: [`Group`], [`Broadcast`], [`Members`], [`Guest`].
//! - Around calls: [`intercept`], [`Retry`], [`Hedge`]; `Metrics` with the feature `metrics`, [`Manager::warnings`].
//! - Errors: [`CallError`] for calls, [`BuildError`] for nodes.
//! - Calls with bytes instead of types: [`Connection::request`], [`Connection::stream`], [`Builder::single_handler`],
//!   [`Builder::stream_handler`].
//!
//! # Limits
//!
//! Everything that a peer can make a node do is limited, memory included: see [`Config`], and `docs/limits.md` in the
//! repository for the whole list.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `dns` | off | `DnsMembers`, for a host list from DNS; depends on `hickory-resolver` |
//! | `http` | off | `Manager::http_service`, for HTTP servers of your own such as axum; depends on `hyper` without its features, `http`, `http-body` and `tower-service` |
//! | `http2` | off | the same over HTTP/2, with extended CONNECT; the feature `http2` of `hyper` |
//! | `json` | off | `Json`, for values that are sent as JSON; depends on `serde_json` |
//! | `jwt` | off | `Jwt`, for nodes that identify themselves with JSON Web Tokens; depends on `jsonwebtoken` and `serde_json` |
//! | `metrics` | off | `Metrics`: the calls and links of a node in numbers; depends on the facade `metrics` |
//! | `testing` | off | the module `testing`: grids of real nodes inside a test, with faults of their network, and `wire_lock!`, which tests that nodes of another version understand a service; no further dependency |
//! | `tls` | off | `Tls`: TLS for all links; depends on `rustls` with `ring`, which compiles C |
//! | `tls-no-provider` | off | the same without `ring`: the application installs a `CryptoProvider`, or passes one to `Tls::provider` |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admin;
mod auth;
mod certificate;
mod certificate_name;
mod config;
mod descriptor;
mod entropy;
mod error;
pub mod intercept;
#[cfg(feature = "metrics")]
mod metrics;
mod net;
mod proto;
pub mod reflection;
mod rpc;
mod sync;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use crate::metrics::Metrics;
pub use auth::{
    Answer, Ask, Authenticate, Authenticating, Claim, Denied, Identity, NoAuth, PROOF_BYTES_MAX,
    SharedSecret, StaticToken, Token, TokenFuture,
};
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use auth::{Jwt, JwtClaims, JwtKey, JwtKeyError};
pub use certificate::{BadCertificate, PeerCertificate};
pub use certificate_name::CertificateName;
pub use config::{Config, ROUTE};
pub use descriptor::{MethodInfo, MethodKind, MethodSchemas, Registered, ServiceDescriptor};
pub use error::{
    CallError, Cause, Closed, CodecError, ErrorCode, LinkError, RemoteError, SendError, Sent,
};
/// The trait of all streams in this crate, for `impl Stream` in services. `futures_util::StreamExt` adds methods to it.
#[doc(no_inline)]
pub use futures_core::Stream;
#[doc = include_str!("rpc/service.md")]
pub use grid_macros::service;
#[cfg(feature = "dns")]
#[cfg_attr(docsrs, doc(cfg(feature = "dns")))]
pub use net::DnsMembers;
pub use net::{
    Accepted, BuildError, Builder, CallInfo, Connection, ConnectionStats, Context, Dial, Dialing,
    DialingCertified, Events, Guest, GuestBuilder, GuestError, Guests, Hedge, Instance, Io, Listen,
    Manager, MemberChanges, MemberError, MemberEvent, MemberEvents, MemberFile, MemberSource,
    Members, NameError, NextMembers, NotConnected, RawCall, RawOpening, RawReceiver, RawSender,
    Refused, RegisterError, Retry, RetryBudget, State, States, Stats, UnknownHost, Warning, tune,
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use net::{HttpBody, HttpFuture, HttpService};
#[cfg(feature = "tls-no-provider")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use net::{Tls, TlsError};
#[cfg(feature = "__internals")]
#[doc(hidden)]
pub use proto::internals as __internals;
pub use proto::wire::{BadTraceContext, HandlerId, TraceContext};
pub use proto::{Capacities, dials};
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use rpc::Json;
#[doc(hidden)]
pub use rpc::private as __private;
pub use rpc::{
    ArgTuple, BoxFuture, BoxStream, Broadcast, Call, ClientStreamMethod, Group, GroupCall,
    GroupStream, HandlerError, HostList, Idempotent, Incoming, InputError, LocalServed,
    MayRunTwice, Method, Mock, NodeAnswer, NodeFailure, NodeItem, NodeOutcome, Once, Opening,
    Outcomes, Outgoing, Payload, Permit, Raw, Registrar, Reply, Requests, Responses, Served,
    ServerStreamMethod, Service, TooFew, TrySendError, TwoWayMethod, UnknownHosts, Update,
};
/// The TLS library, in the version whose types [`Tls`] takes.
#[cfg(feature = "tls-no-provider")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
#[doc(no_inline)]
pub use tokio_rustls::rustls;
