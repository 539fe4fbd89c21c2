//! The events of a [`Link`](super::Link), and small types that name sides and halves of calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::memory::Handover;
use super::muxes::Key;
use super::routes::RouteIndex;
use super::wire::{HandlerId, Meta};
use crate::error::{CallFailure, LinkError};

/// Something that the layer above must act on.
#[derive(Debug)]
pub(crate) enum Event {
    /// The peer calls: run the handler.
    Serve {
        key: Key,
        route: RouteIndex,
        payload: Option<Bytes>,
        /// Ends the charge of a large payload. Must be completed when the handler has returned, before its answer is sent.
        handover: Option<Handover>,
        deadline: Option<Instant>,
        /// Metadata of the call, if it has any.
        meta: Option<Box<Meta>>,
    },
    /// The outcome of this call is no longer needed: drop the handler's future.
    Cancel { key: Key },
    /// The call has ended: its handler returned and the outcome was sent. Wakes the tasks that wait for its end.
    Finished { key: Key },
    /// The peer takes no new calls on this connection.
    Draining,
    /// What is probably a mistake.
    Finding(Finding),
    /// A value that the link no longer needs. Dropping it can run the user's code, so it must be dropped outside the
    /// lock.
    Released(Released),
    /// A task that waits for this half of a call must look at it again.
    Wake { side: Side, key: Key, half: Half },
}

/// What is probably a mistake, although no call and no connection fails for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The peer has called a handler that this node does not have, or one of another kind.
    UnknownHandler(HandlerId),
    /// The writer of a stream has waited this long for its reader at the peer.
    SlowReader { of: StreamOf, waited: Duration },
}

/// The method of a stream, as far as the core knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamOf {
    Served(RouteIndex),
    Made(HandlerId),
}

/// A value that the link has shared with the user.
#[derive(Debug)]
pub(crate) enum Released {
    /// A large payload.
    Payload(Bytes),
    /// The reason of a failure. Its source can be an error of the user's dialer.
    Error(Arc<LinkError>),
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// This node made the call.
    Caller,
    /// This node serves the call.
    Callee,
}

/// Which of a call's waiting tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// The task that waits for an answer or an item.
    Reader,
    /// The task that waits to send an item.
    Writer,
    /// Both.
    Both,
}

/// The result of receiving from a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recv {
    /// The next item.
    Item(Bytes),
    /// There are no more items.
    End(Result<(), CallFailure>),
    /// No item yet. An [`Event::Wake`] follows.
    Pending,
}
