//! Calls and streams between servers over one WebSocket per pair of nodes.

mod auth;
mod config;
mod context;
mod error;
mod net;
mod proto;

pub use auth::{Authenticate, Denied, NoAuth, SharedSecret};
pub use config::{Config, ROUTE};
pub use context::Context;
pub use error::{CallError, Closed, CodecError, ErrorCode, RemoteError, Sent};
pub use net::{
    BuildError, Builder, Connection, ConnectionStats, Dial, Dialing, Instance, Io, Manager, NameError, NotConnected,
    RawCall, RawOpening, RawReceiver, RawSender, Refused, RegisterError, State, Stats, UnknownHost,
};
pub use proto::wire::HandlerId;
pub use proto::{Capacities, dials};
