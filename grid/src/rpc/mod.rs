//! The typed layer, which user code and generated code use.
//!
//! Arguments are encoded and answers decoded here only; `net/` carries bytes and knows no types of users. The code that
//! the attribute [`service`](crate::service) generates uses `private.rs` only.

mod args;
mod client;
mod depth;
mod fault;
mod group;
mod handlers;
#[cfg(feature = "json")]
mod json;
mod kind;
mod layout;
mod local;
mod method;
mod mock;
mod msgpack;
mod pack;
mod payload;
pub mod private;
mod registrar;
mod schema;
mod scratch;
mod served;
mod stream;
mod twin;

pub use args::ArgTuple;
pub use client::{Call, Opening};
pub use fault::HandlerError;
pub use group::{
    Group, GroupCall, GroupStream, HostList, NodeAnswer, NodeFailure, NodeItem, NodeOutcome,
    Outcomes, TooFew, UnknownHosts,
};
#[cfg(feature = "json")]
pub use json::Json;
pub use kind::{Idempotent, MayRunTwice, Once};
pub use local::LocalServed;
pub use method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
pub use mock::Mock;
pub use payload::{Payload, Raw};
pub use registrar::{Registrar, Service};
pub use served::Served;
pub use stream::{
    BoxStream, Broadcast, Incoming, InputError, Outgoing, Permit, Reply, Requests, Responses,
    StreamItem, TrySendError, Update,
};
pub use twin::BoxFuture;
