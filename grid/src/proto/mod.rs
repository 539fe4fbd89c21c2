//! The pure layer: what one connection means, without sockets, tasks, locks or clocks.
//!
//! [`Link`] is the state machine of one pair of nodes. Everything that happens is given to it:
//!
//! - from the network: [`Link::handle_messages`], decoded by [`Inbound`], and [`Link::handle_timeout`] when the time of
//!   [`Link::poll_timeout`] has come;
//! - from this node: plain verbs (`start_call`, `send`, `reply`, `cancel_call`, …);
//! - and it is asked for what to do: [`Link::poll_transmit`] gives the next bytes for the socket, [`Link::poll_event`] the
//!   next fact that somebody waits for.
//!
//! Time is an argument. The layers above (`net/`) own the socket and the clock; user types are known only to `rpc/`.

#![warn(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test that panics has done its work"))]

mod callee;
mod caller;
mod error;
mod event;
mod fault;
mod hash;
mod input;
#[cfg(feature = "__internals")]
pub mod internals;
mod limits;
mod link;
mod muxes;
mod output;
mod routes;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod timers;
pub(crate) mod wire;

pub(crate) use caller::call::{CallSpec, Deadline};
pub(crate) use error::CallFailure;
pub(crate) use event::{Event, Half, Recv, Side};
pub(crate) use fault::Fault;
pub use fault::{ErrorCode, Sent};
pub(crate) use input::Inbound;
pub(crate) use limits::{Limits, PART_BYTES};
pub(crate) use link::Link;
pub(crate) use muxes::Key;
pub(crate) use routes::{RouteError, RouteIndex, RouteKind, Routes};
pub(crate) use session::Session;
pub use session::dialer::dials;
pub(crate) use session::features::Features;
pub(crate) use session::handshake::{Expectation, Introduction, refuse, uses_checksum};
pub use stream::core::Capacities;
pub(crate) use stream::flow::SendState;
