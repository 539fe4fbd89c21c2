//! The typed layer: what user code and generated code touch.
//!
//! Arguments become bytes and bytes become answers here, and nowhere else; `net/` carries the bytes and knows no user
//! type. The attribute [`service`](crate::service) generates code against `private.rs` only.

mod args;
mod client;
mod fault;
mod handlers;
mod method;
mod mock;
mod payload;
pub mod private;
mod registrar;
mod scratch;
mod served;
mod stream;

pub use args::ArgTuple;
pub use client::{Call, Opening};
pub use fault::HandlerError;
pub use method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
pub use mock::Mock;
pub use payload::{Json, Payload, Raw};
pub use registrar::{Registrar, Service};
pub use served::Served;
pub use stream::{
    BoxStream, DEFAULT_CAPACITY, Incoming, InputError, Outgoing, Reply, Requests, Responses,
    SendError, StreamItem,
};
