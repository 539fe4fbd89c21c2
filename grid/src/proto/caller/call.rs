//! The entry of a call that this node makes, and what a call is started from.
//!
//! The rules of how an entry changes are in the files beside this one; this one does not know the link.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::post_room::PostShare;
use super::room::Share;
use crate::error::CallFailure;
use crate::proto::body::Body;
use crate::proto::event::StreamOf;
use crate::proto::memory::Handover;
use crate::proto::output::outbox::Ticket;
use crate::proto::stream::capacities::Capacities;
use crate::proto::stream::control::{Inflow, Outflow};
use crate::proto::stream::core::StreamCore;
use crate::proto::stream::window::RecvWindow;
use crate::proto::ticks::Ticks;
use crate::proto::wire::{HandlerId, Meta, SubrouteId};

/// When a call must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// The timeout that the caller set, for the error's text.
    pub(crate) after: Duration,
}

/// A call to be made. It stays with the caller: the link borrows it, and copies what it needs later.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "__internals"), derive(Clone))]
pub(crate) struct CallSpec {
    pub(crate) handler: HandlerId,
    pub(crate) subroute: Option<SubrouteId>,
    pub(crate) payload: Option<Body>,
    pub(crate) deadline: Option<Deadline>,
    /// `None`: a single request.
    pub(crate) stream: Option<Capacities>,
    /// Trace context and user metadata.
    pub(crate) meta: Option<Box<Meta>>,
    /// Without a connection, wait for one instead of failing.
    pub(crate) wait: bool,
}

impl CallSpec {
    /// Whether the call fails towards a peer without the feature `meta`. User metadata is part of what the caller asked
    /// for; a trace context is dropped instead.
    pub(super) fn needs_meta(&self) -> bool {
        self.meta.as_ref().is_some_and(|meta| !meta.user.is_empty())
    }

    /// The call's first message, with its metadata already encoded.
    pub(super) fn opening<'a>(&'a self, meta: &'a [u8]) -> Opening<'a> {
        Opening {
            handler: self.handler,
            subroute: self.subroute.as_ref(),
            payload: self.payload.as_ref(),
            meta,
            deadline: self.deadline,
            stream: self.stream,
            post: None,
        }
    }
}

/// The first message of a call, borrowed from a [`CallSpec`] or a [`QueuedCall`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) handler: HandlerId,
    pub(super) subroute: Option<&'a SubrouteId>,
    pub(super) payload: Option<&'a Body>,
    /// Encoded; empty without metadata.
    pub(super) meta: &'a [u8],
    pub(super) deadline: Option<Deadline>,
    pub(super) stream: Option<Capacities>,
    /// Nobody waits for the outcome.
    pub(super) post: Option<PostShare>,
}

impl Opening<'_> {
    /// Bytes that count against the limit of a message.
    pub(super) fn len(&self) -> usize {
        self.payload.map_or(0, Body::len) + self.meta.len()
    }
}

/// A call that waits for room in the outbox, or for a connection.
///
/// Nothing in it is the user's but a large payload, which is shared: the entry is dropped under a lock, where no code
/// of the user's may run. So metadata is kept in its encoded form.
#[derive(Debug)]
pub(super) struct QueuedCall {
    handler: HandlerId,
    subroute: Option<SubrouteId>,
    /// As retained by the output, to which it must be released.
    payload: Option<Body>,
    meta: Bytes,
    deadline: Option<Deadline>,
    stream: Option<Capacities>,
    post: Option<PostShare>,
    needs_meta: bool,
    wait: bool,
}

impl QueuedCall {
    pub(super) fn new(
        spec: &CallSpec,
        payload: Option<Body>,
        meta: Bytes,
        post: Option<PostShare>,
    ) -> Self {
        let CallSpec { handler, subroute, deadline, stream, wait, .. } = *spec;
        let needs_meta = spec.needs_meta();
        Self { handler, subroute, payload, meta, deadline, stream, post, needs_meta, wait }
    }

    pub(super) fn handler(&self) -> HandlerId {
        self.handler
    }

    pub(super) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn needs_meta(&self) -> bool {
        self.needs_meta
    }

    pub(super) fn post(&self) -> Option<PostShare> {
        self.post
    }

    /// Whether it survives the loss of a connection.
    pub(super) fn waits_for_connection(&self) -> bool {
        self.wait
    }

    pub(super) fn opening(&self) -> Opening<'_> {
        Opening {
            handler: self.handler,
            subroute: self.subroute.as_ref(),
            payload: self.payload.as_ref(),
            meta: &self.meta,
            deadline: self.deadline,
            stream: self.stream,
            post: self.post,
        }
    }

    pub(super) fn take_payload(&mut self) -> Option<Body> {
        self.payload.take()
    }
}

/// One call in the table.
#[derive(Debug)]
pub(in crate::proto) struct Call {
    pub(super) deadline: Option<Deadline>,
    /// Identifies its first message in the output, once it is there.
    pub(super) ticket: Option<Ticket>,
    /// What its request uses of the peer's room while it is in flight.
    pub(super) requested: Share,
    /// Bytes that are counted for its outcome in the link's account until it is removed. Items of its stream are
    /// counted apart.
    pub(super) held: usize,
    pub(super) state: CallState,
}

#[derive(Debug)]
pub(super) enum CallState {
    Queued(Box<QueuedCall>),
    Single,
    /// Like `Single`, without an owner; see post.rs.
    Posted(PostShare),
    Stream(Box<CallerStream>),
    Answered(Option<Bytes>, Option<Handover>),
    Failed(CallFailure),
}

impl Call {
    pub(super) fn new(deadline: Option<Deadline>, state: CallState) -> Self {
        Self { deadline, ticket: None, requested: Share::default(), held: 0, state }
    }

    /// Bytes of the peer that are counted for it.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            CallState::Stream(stream) => self.held + stream.core.held(),
            CallState::Queued(_)
            | CallState::Single
            | CallState::Posted(_)
            | CallState::Answered(..)
            | CallState::Failed(_) => self.held,
        }
    }

    /// What its stream has of the link's windows.
    pub(super) fn window(&self) -> u32 {
        match &self.state {
            CallState::Stream(stream) => stream.core.window(),
            CallState::Queued(_)
            | CallState::Single
            | CallState::Posted(_)
            | CallState::Answered(..)
            | CallState::Failed(_) => 0,
        }
    }

    /// The method of its stream, and how long its writer has waited for the reader at the callee, if that is too long.
    pub(in crate::proto) fn slow_reader(&mut self, now: Ticks) -> Option<(StreamOf, Duration)> {
        let stream = self.stream_mut().filter(|stream| stream.opened && !stream.output_ended())?;
        Some((StreamOf::Made(stream.handler), stream.core.slow_reader(now)?))
    }

    /// Whether its first message waits to be sent.
    pub(in crate::proto) fn is_queued(&self) -> bool {
        matches!(self.state, CallState::Queued(_))
    }

    /// Whether it is a stream of which an item waits to be sent.
    pub(in crate::proto) fn has_queued_item(&self) -> bool {
        matches!(&self.state, CallState::Stream(stream) if stream.core.has_queued_item())
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut CallerStream> {
        match &mut self.state {
            CallState::Stream(stream) => Some(stream),
            CallState::Queued(_)
            | CallState::Single
            | CallState::Posted(_)
            | CallState::Answered(..)
            | CallState::Failed(_) => None,
        }
    }
}

impl CallState {
    /// What the call uses of the room of posts, if it is one.
    pub(super) fn post(&self) -> Option<PostShare> {
        match self {
            Self::Posted(share) => Some(*share),
            Self::Queued(queued) => queued.post(),
            Self::Single | Self::Stream(_) | Self::Answered(..) | Self::Failed(_) => None,
        }
    }

    /// The payload that the output has retained for this call, if any. It must be released before the entry is dropped.
    pub(super) fn take_retained(&mut self) -> Option<Body> {
        match self {
            Self::Queued(queued) => queued.take_payload(),
            Self::Stream(stream) => stream.core.take_queued_item(),
            Self::Single | Self::Posted(_) | Self::Answered(..) | Self::Failed(_) => None,
        }
    }
}

/// A stream that this node opened.
#[derive(Debug)]
pub(in crate::proto) struct CallerStream {
    pub(super) core: StreamCore,
    pub(super) handler: HandlerId,
    /// The AckMux has arrived.
    pub(super) acked: bool,
    /// The callee has accepted it.
    pub(super) opened: bool,
    /// No (more) input will be sent.
    pub(super) input_ended: bool,
    /// How it ended. Items received before may still wait for the reader.
    pub(super) end: Option<Result<(), CallFailure>>,
    /// When the callee last showed that it knows the stream.
    pub(super) last_heard: Instant,
    /// Whether a ping timer is armed for it.
    pub(super) pings: bool,
    /// Identifies its last ping in the output.
    pub(super) last_ping: Option<Ticket>,
}

impl CallerStream {
    /// A stream that is opened now, with a window if the session has windows. `since` is now as well.
    pub(super) fn new(
        now: Instant,
        since: Ticks,
        handler: HandlerId,
        capacities: Capacities,
        window: Option<RecvWindow>,
        pings: bool,
    ) -> Self {
        let outflow = Outflow::closed(capacities.incoming, window.is_some());
        let inflow = Inflow::new(capacities.outgoing.max(1), window);
        Self {
            // The ConnectMux has number 0, and so has the AckMux that answers it.
            core: StreamCore::new(1, 0, since, outflow, inflow),
            handler,
            acked: false,
            opened: false,
            input_ended: capacities.incoming == 0,
            end: None,
            last_heard: now,
            pings,
            last_ping: None,
        }
    }

    pub(in crate::proto) fn core_mut(&mut self) -> &mut StreamCore {
        &mut self.core
    }

    /// Whether the callee may still send items.
    pub(in crate::proto) fn expects_items(&self) -> bool {
        self.end.is_none()
    }

    /// Items that the callee may send before it learns that this side has ended the stream.
    pub(super) fn leftovers(&self) -> u32 {
        if self.expects_items() { self.core.items_under_way() } else { 0 }
    }

    /// Whether this side has ended its items.
    pub(in crate::proto) fn output_ended(&self) -> bool {
        self.input_ended
    }

    /// Ends this side's items. Returns whether they had not been ended before.
    pub(in crate::proto) fn end_output(&mut self) -> bool {
        !std::mem::replace(&mut self.input_ended, true)
    }

    /// How the stream ended, for a reader that has taken all items.
    pub(in crate::proto) fn outcome(&self) -> Result<(), CallFailure> {
        self.end.clone().unwrap_or(Ok(()))
    }
}
