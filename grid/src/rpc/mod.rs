//! The typed layer: what user code and generated code touch.
//!
//! Arguments become bytes and bytes become answers here, and nowhere else; `net/` carries the bytes and knows no user
//! type. The attribute [`service`](crate::service) generates code against `private.rs` only.

mod args;
mod client;
mod fault;
#[cfg(feature = "json")]
mod json;
mod method;
mod mock;
mod payload;
pub mod private;
mod registrar;
mod scratch;
mod stream;

pub use args::ArgTuple;
pub use client::{Call, Opening};
pub use fault::HandlerError;
#[cfg(feature = "json")]
pub use json::Json;
pub use method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
pub use mock::Mock;
pub use payload::{Payload, Raw};
pub use registrar::{Registrar, Service};
pub use stream::{
    BoxStream, DEFAULT_CAPACITY, Incoming, InputError, Outgoing, Reply, Requests, Responses,
    SendError, StreamItem,
};
