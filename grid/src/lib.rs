//! Calls and streams between servers over one WebSocket per pair of nodes.

mod auth;
mod config;
mod context;
mod error;
mod net;
mod proto;
mod rpc;

pub use auth::{Authenticate, Denied, NoAuth, SharedSecret};
pub use config::{Config, ROUTE};
pub use context::Context;
pub use error::{CallError, Closed, CodecError, ErrorCode, RemoteError, Sent};
#[doc = include_str!("rpc/service.md")]
pub use grid_macros::service;
pub use net::{
    BuildError, Builder, Connection, ConnectionStats, Dial, Dialing, Instance, Io, Manager,
    NameError, NotConnected, RawCall, RawOpening, RawReceiver, RawSender, Refused, RegisterError,
    State, Stats, UnknownHost,
};
pub use proto::wire::HandlerId;
pub use proto::{Capacities, dials};
#[doc(hidden)]
pub use rpc::private as __private;
pub use rpc::{
    ArgTuple, BoxStream, Call, ClientStreamMethod, DEFAULT_CAPACITY, HandlerError, Incoming,
    InputError, Json, Method, MethodInfo, MethodKind, Mock, Opening, Outgoing, Payload, Raw,
    Registrar, Reply, Requests, Responses, SendError, ServerStreamMethod, Service,
    ServiceDescriptor, TwoWayMethod,
};
