//! The core: the protocol of one link as a state machine, without sockets, tasks, locks or clocks.
//!
//! [`Link`] is the state machine of one pair of nodes. It is driven from three sides:
//!
//! - the network: [`Link::handle_messages`], with messages decoded by [`Inbound`], and [`Link::handle_timeout`] at the
//!   time that [`Link::poll_timeout`] returns;
//! - this node: plain verbs (`start_call`, `send`, `reply`, `forget_call`, …);
//! - the driver: [`Link::poll_transmit`] returns the next bytes for the socket, [`Link::poll_event`] the next event
//!   that the layer above must act on.
//!
//! Time is an argument. The layer above (`net/`) owns the socket and the clock; only `rpc/` knows the user's types.
//!
//! | folder or file | what |
//! |---|---|
//! | `link/` | [`Link`]: sessions, routing by op, time, events |
//! | `caller/`, `callee/`, `stream/` | calls made here, calls served here, and what open streams of both have in common |
//! | `input/`, `output/` | received messages before the link handles them, and messages that wait for the socket |
//! | `memory/` | how much memory a peer makes this node hold |
//! | `session/` | who dials, the handshake's checks, extensions, keepalive |
//! | `wire/` | the format of messages |
//! | `muxes.rs`, `hash.rs`, `timers.rs`, `ticks.rs`, `routes.rs` | tables: calls, timers, handlers; points in time in four bytes |
//! | `event.rs`, `error.rs`, `limits.rs`, `body.rs` | small types shared by all |

#![warn(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test that panics has done its work"))]

mod body;
mod callee;
mod caller;
mod drain;
mod error;
mod event;
mod hash;
mod input;
#[cfg(feature = "__internals")]
pub mod internals;
mod limits;
mod link;
mod memory;
mod muxes;
mod output;
mod routes;
mod session;
#[cfg(any(test, feature = "__internals"))]
mod simulation;
mod stream;
#[cfg(test)]
mod tests;
mod ticks;
mod timers;
pub(crate) mod wire;

pub(crate) use body::Body;
pub(crate) use caller::call::{CallSpec, Deadline};
pub(crate) use caller::post_room::PostShare;
pub(crate) use error::ProtocolError;
pub(crate) use event::{Event, Finding, Half, Recv, Released, Side, StreamOf};
pub(crate) use input::{Inbound, PART_BEGIN_BYTES, PLACED_MESSAGES, Place};
pub(crate) use limits::{
    BYTES_PER_NODE_MAX, BYTES_PER_PEER_MESSAGES_MIN, Limits, PART_BYTES, requests_bytes_of,
};
pub(crate) use link::Link;
pub(crate) use memory::{Handover, NodeBytes};
pub(crate) use muxes::Key;
pub(crate) use output::outbound::{Around, Outbound};
pub(crate) use routes::{RouteError, RouteIndex, RouteKind, Routes};
pub(crate) use session::Session;
pub(crate) use session::contracts::{Contracts, Difference};
pub use session::dialer::dials;
pub(crate) use session::features::{Feature, Features};
pub(crate) use session::flood::{FloodBudget, Waste};
pub(crate) use session::handshake::{
    Introduction, check_claim, check_direction, check_names, guest_name, is_guest_name,
    uses_checksum,
};
pub use stream::capacities::Capacities;
pub(crate) use stream::flow::SendState;
pub(crate) use stream::look::{RecvLook, SendLook, SendWait, StreamLook, WindowLook};
