//! The entry of a call that this node serves.
//!
//! The other files of this folder change the entries. This file does not depend on `Link`.

use std::time::{Duration, Instant};

use crate::error::Fault;
use crate::proto::body::Body;
use crate::proto::event::StreamOf;
use crate::proto::routes::RouteIndex;
use crate::proto::stream::capacities::Capacities;
use crate::proto::stream::control::{Inflow, Outflow};
use crate::proto::stream::core::StreamCore;
use crate::proto::stream::window::RecvWindow;
use crate::proto::ticks::Ticks;
use crate::proto::wire::{Grant, Header, MuxId};

/// One call in the table.
#[derive(Debug)]
pub(in crate::proto) struct Served {
    pub(super) id: MuxId,
    /// Sequence number of the request. The answer has the same number.
    pub(super) seq: u32,
    pub(super) has_deadline: bool,
    pub(super) route: RouteIndex,
    /// Bytes that are counted for it in the link's account until it is removed. Items of its stream are counted apart.
    pub(super) held: usize,
    pub(super) state: ServedState,
}

#[derive(Debug)]
pub(super) enum ServedState {
    Single,
    /// Answered, but the answer waits for room in the outbox. The call counts as in flight until then, so that a peer
    /// that sends requests without reading answers reaches `served_max`.
    Replied(Answer),
    Stream(Box<CalleeStream>),
}

/// An answer that waits for room in the outbox.
#[derive(Debug)]
pub(super) struct Answer {
    /// With the payload as retained by the output.
    pub(super) outcome: Result<Option<Body>, Fault>,
    /// Bytes that are counted as output while it waits.
    pub(super) bytes: usize,
}

impl Served {
    pub(super) fn new(header: &Header, route: RouteIndex, held: usize, state: ServedState) -> Self {
        let has_deadline = header.deadline_ms > 0;
        Self { id: header.mux, seq: header.seq, has_deadline, route, held, state }
    }

    /// Bytes that are counted for it as input.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            ServedState::Stream(stream) => self.held + stream.core.held(),
            ServedState::Single | ServedState::Replied(_) => self.held,
        }
    }

    /// What its stream has of the link's windows.
    pub(super) fn window(&self) -> u32 {
        match &self.state {
            ServedState::Stream(stream) => stream.core.window(),
            ServedState::Single | ServedState::Replied(_) => 0,
        }
    }

    /// Bytes that are counted for it in the output's queues.
    pub(super) fn waiting_bytes(&self) -> usize {
        match &self.state {
            ServedState::Single => 0,
            ServedState::Replied(answer) => answer.bytes,
            ServedState::Stream(stream) => stream.core.queued_bytes(),
        }
    }

    /// The method of its stream, and how long the handler has waited for the reader at the caller, if that is too long.
    pub(in crate::proto) fn slow_reader(&mut self, now: Ticks) -> Option<(StreamOf, Duration)> {
        let of = StreamOf::Served(self.route);
        let stream = self.stream_mut().filter(|stream| !stream.output_ended())?;
        Some((of, stream.core.slow_reader(now)?))
    }

    /// Whether its answer waits to be sent.
    pub(in crate::proto) fn is_replied(&self) -> bool {
        matches!(self.state, ServedState::Replied(_))
    }

    /// Whether it is a stream with an item that waits to be sent.
    pub(in crate::proto) fn has_queued_item(&self) -> bool {
        matches!(&self.state, ServedState::Stream(stream) if stream.core.has_queued_item())
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut CalleeStream> {
        match &mut self.state {
            ServedState::Stream(stream) => Some(stream),
            ServedState::Single | ServedState::Replied(_) => None,
        }
    }
}

impl ServedState {
    /// The payload that the output has retained for this call, if any. It must be released before the entry is dropped.
    pub(super) fn take_retained(&mut self) -> Option<Body> {
        match self {
            Self::Replied(Answer { outcome: Ok(payload), .. }) => payload.take(),
            Self::Stream(stream) => stream.core.take_queued_item(),
            Self::Single | Self::Replied(Answer { outcome: Err(_), .. }) => None,
        }
    }
}

/// A stream that the peer opened.
#[derive(Debug)]
pub(in crate::proto) struct CalleeStream {
    pub(super) core: StreamCore,
    /// The caller sends no more items.
    pub(super) input_ended: bool,
    /// When the caller last sent a message on this stream. The Go implementation counts only pings, so a caller must
    /// ping even if it sends items.
    pub(super) last_heard: Instant,
    /// The outcome of a handler that has returned, until it can be sent. It waits for the queued item before it. An
    /// error also waits for a credit, because a Go caller has no room for it otherwise.
    pub(super) finish: Option<Result<(), Fault>>,
    /// Whether a timer is armed that ends the stream if its caller is silent.
    pub(super) idle_check: bool,
}

impl CalleeStream {
    /// A stream that is accepted now, which `since` is as well. If the session has windows: `announced` is the caller's, and
    /// `window` the one for its input.
    pub(super) fn new(
        now: Instant,
        since: Ticks,
        seq: u32,
        capacities: Capacities,
        announced: Option<Grant>,
        window: Option<RecvWindow>,
        idle_check: bool,
    ) -> Self {
        let outflow = Outflow::opened(capacities.outgoing, announced);
        let inflow = Inflow::new(capacities.incoming, window);
        Self {
            // The AckMux has the number of the ConnectMux; the caller's next message has the number after it.
            core: StreamCore::new(seq, seq.wrapping_add(1), since, outflow, inflow),
            input_ended: capacities.incoming == 0,
            last_heard: now,
            finish: None,
            idle_check,
        }
    }

    pub(in crate::proto) fn core_mut(&mut self) -> &mut StreamCore {
        &mut self.core
    }

    /// Whether the caller may still send items.
    pub(in crate::proto) fn expects_items(&self) -> bool {
        !self.input_ended
    }

    /// Whether this side has ended its items: its handler has returned.
    pub(in crate::proto) fn output_ended(&self) -> bool {
        self.finish.is_some()
    }
}
