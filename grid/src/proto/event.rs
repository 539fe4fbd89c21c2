//! The facts that come out of a [`Link`](super::Link), and the small words around them.

use std::time::Instant;

use bytes::Bytes;

use super::error::CallFailure;
use super::muxes::Key;
use super::routes::RouteIndex;
use super::wire::Meta;

/// Something that happened and that somebody outside must act on.
#[derive(Debug)]
pub(crate) enum Event {
    /// The peer calls: run the handler.
    Serve {
        key: Key,
        route: RouteIndex,
        payload: Option<Bytes>,
        deadline: Option<Instant>,
        /// What travelled beside the payload, if anything.
        meta: Option<Box<Meta>>,
    },
    /// The outcome of this call is not wanted any more: drop the handler's future.
    Cancel { key: Key },
    /// The outcome of a handler that has returned was sent: the call is over for those who watch it.
    Finished { key: Key },
    /// A payload that the link does not need any more. Dropping it can run the user's code, so it must be dropped outside the
    /// lock.
    Released(Bytes),
    /// What somebody may be waiting for has changed.
    Wake { side: Side, key: Key, half: Half },
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// This node made the call.
    Caller,
    /// This node serves the call.
    Callee,
}

/// Which waiting task is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// It waits for an answer or an item.
    Reader,
    /// It waits for leave to send.
    Writer,
    /// Either: the call is over.
    Both,
}

/// What a stream has for its reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recv {
    /// The next item.
    Item(Bytes),
    /// No item will come any more.
    End(Result<(), CallFailure>),
    /// Nothing yet; a [`Event::Wake`] will tell.
    Pending,
}
