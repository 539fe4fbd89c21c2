//! The one task per link: it moves messages between the link and the transport, and starts handlers.
//!
//! One round: hand waiting output to the transport and flush without waiting, read a little, let the link handle it,
//! wake tasks and start handlers without the lock, answer. The driver keeps reading while a write is blocked; otherwise
//! two busy peers would deadlock. The link's output is bounded by making callers wait.
//!
//! When a round has activated several tasks, the driver yields before it looks for output, so that their messages are
//! sent in one batch. After a single task it parks at once, which keeps latency low.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::alarm::Alarm;
use super::budget::ReadBudget;
use super::endpoint::Endpoint;
use crate::error::LinkError;
use crate::net::catch::catch;
use crate::net::link::effects::Effects;
use crate::net::link::peer::now;
use crate::net::serve::dispatch::{self, Replies};
use crate::net::transport::Transport;
use crate::proto::{Inbound, Link, PART_BYTES, ProtocolError};

/// Messages of at least this length are large messages or parts of them. They are never merged.
const LARGE_MESSAGE_BYTES: usize = PART_BYTES;

/// Bytes of large messages that a round writes to the socket before it reads again. Without this limit large messages
/// fill the kernel's buffers, where small calls cannot overtake them.
const LARGE_WRITE_BUDGET_BYTES: usize = 32 * 1024;

/// Bytes of large messages are divided by this before they count against the read budget. Small messages activate
/// tasks, which should run soon; a part of a large message is only stored.
const LARGE_READ_DISCOUNT: usize = 4;

/// Outcomes of handlers that finished in their first poll are passed to the link in batches of this size. Allocators
/// cache about this many blocks of one size: with 24, one thread made 3 % fewer calls.
const REPLIES_MAX: usize = 6;

/// The driver yields once a round has activated at least this many tasks and handlers.
const BATCH_MIN: usize = 2;

/// The driver yields after this many consecutive rounds that activated at most one task each. It does not yield after
/// each of them, because a yield costs as much as a call. With eight, the rate of two-way streams dropped by a third;
/// with two and three it was the same within the noise.
const ROUNDS_MAX: u32 = 4;

/// The task of a link, as a future that ends with the connection and returns the reason.
pub(super) struct Driver<'a, T: ?Sized> {
    endpoint: &'a Endpoint,
    /// `None` while the link is down. The driver then handles only timeouts.
    transport: Option<&'a mut T>,
    inbound: Inbound,
    pub(super) effects: Effects,
    replies: Replies,
    alarm: Alarm,
    budget: ReadBudget,
    /// The link has, or may have, something to send.
    has_output: bool,
}

impl<'a, T: Transport + ?Sized> Driver<'a, T> {
    pub(super) fn new(endpoint: &'a Endpoint, transport: Option<&'a mut T>) -> Self {
        Self {
            endpoint,
            transport,
            inbound: endpoint.peer.link(|link| link.new_inbound()),
            effects: Effects::default(),
            replies: Replies::new(),
            alarm: Alarm::new(),
            budget: ReadBudget::of_this_runtime(),
            has_output: true,
        }
    }

    /// Passes waiting messages to the transport and flushes it, as far as the socket accepts them.
    fn poll_output(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let Self { endpoint, transport, effects, replies, has_output, .. } = self;
        let Some(transport) = transport else { return Ok(()) };
        let mut large = 0;
        loop {
            let takes_more = transport.has_room() && large < LARGE_WRITE_BUDGET_BYTES;
            if (*has_output && takes_more) || !replies.is_empty() {
                // The lock is taken for one message at a time, so that callers can lock the link in between.
                let message = endpoint.peer.act(effects, |shared, effects| {
                    hand_over(replies, &mut shared.link);
                    let message = if takes_more { shared.link.poll_transmit(now) } else { None };
                    *has_output = shared.link.wants_transmit();
                    if message.is_some() {
                        shared.set_unflushed(true, effects);
                    }
                    message
                });
                discard(replies);
                if let Some(message) = message {
                    if message.len() >= LARGE_MESSAGE_BYTES {
                        large += message.len();
                    }
                    transport.start_send(message)?;
                    continue;
                }
            }
            let blocked = transport.poll_flush(cx)?.is_pending();
            let goes_on = *has_output && large < LARGE_WRITE_BUDGET_BYTES;
            if blocked || !goes_on || !transport.has_room() {
                return Ok(());
            }
        }
    }

    /// Reads available input, up to the budget. The caller must handle the messages read so far even if this fails.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Result<Input, LinkError> {
        let Some(transport) = &mut self.transport else { return Ok(Input::Dry) };
        let mut bytes = 0;
        while self.budget.allows(self.inbound.len(), bytes) {
            match transport.poll_recv(cx) {
                Poll::Ready(Ok(message)) => {
                    let discount = match message.len() {
                        LARGE_MESSAGE_BYTES.. => LARGE_READ_DISCOUNT,
                        _ => 1,
                    };
                    bytes += message.len() / discount;
                    self.inbound.push(message);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    if transport.take_progress() {
                        self.inbound.note_progress();
                    }
                    self.budget.shrink();
                    return Ok(Input::Dry);
                }
            }
        }
        self.budget.grow();
        Ok(Input::More)
    }

    /// Feeds received messages to the link and acts on the resulting events. Returns how many tasks and handlers that
    /// activated.
    fn process(&mut self, now: Instant) -> Result<usize, LinkError> {
        let mut activated = self.settle(); // Effects of `poll_output`.
        let mut is_due = self.alarm.take_due(now);
        while self.inbound.decode() || is_due {
            is_due = false;
            let Self { endpoint, effects, inbound, has_output, .. } = self;
            let outcome = endpoint.peer.act(effects, |shared, _| {
                shared.parked.unpark();
                let link = &mut shared.link;
                let mut outcome = link.handle_messages(now, inbound);
                // A message that is not decoded yet may still prevent the timeout.
                let is_late = link.poll_timeout().is_some_and(|timeout| timeout <= now);
                if outcome.is_ok() && is_late && inbound.is_done() {
                    outcome = link.handle_timeout(now, inbound);
                }
                *has_output = link.wants_transmit();
                outcome
            });
            activated += self.settle();
            outcome.map_err(broken)?;
        }
        Ok(activated)
    }

    /// Applies the effects and starts the handlers. Returns the number of woken tasks and started handlers. A handler
    /// counts even if it finishes in its first poll: its answer makes the peer send more.
    fn settle(&mut self) -> usize {
        let activated = self.effects.activations();
        self.effects.apply();
        let mut serve = self.effects.take_serve();
        for event in serve.drain(..) {
            dispatch::serve(&self.endpoint.peer, &self.endpoint.registry, event, &mut self.replies);
            if self.replies.len() >= REPLIES_MAX {
                self.answer();
            }
        }
        self.effects.reuse_serve(serve);
        activated
    }

    /// Passes the outcomes of handlers that finished in their first poll to the link.
    fn answer(&mut self) {
        let Self { endpoint, effects, replies, .. } = self;
        endpoint.peer.act(effects, |shared, _| hand_over(replies, &mut shared.link));
        discard(replies);
        effects.apply();
        self.has_output = true;
    }

    /// Whether there may be something to send.
    fn wants_output(&self) -> bool {
        self.has_output || !self.replies.is_empty()
    }

    /// Whether something can be sent now.
    fn takes_output(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.has_room())
    }

    /// Registers the driver as asleep, or returns `Ready` if there is more to do. See link/park.rs.
    fn park(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let takes_output = self.takes_output();
        let unflushed = self.transport.as_ref().is_some_and(|transport| !transport.is_flushed());
        let Self { endpoint, effects, alarm, has_output, .. } = self;
        let parked = endpoint.peer.act(effects, |shared, effects| {
            if takes_output && shared.link.wants_transmit() {
                *has_output = true;
                return Poll::Ready(());
            }
            shared.set_unflushed(unflushed, effects);
            if alarm.poll_set(shared.link.poll_timeout(), cx).is_ready() {
                return Poll::Ready(());
            }
            shared.parked.park(cx.waker(), alarm.time(), takes_output);
            Poll::Pending
        });
        effects.apply();
        parked
    }
}

/// Converts a protocol error or a silent peer to the reason why the connection is closed.
fn broken(error: ProtocolError) -> LinkError {
    match error {
        ProtocolError::Silent(silent) => LinkError::Silent { silent },
        error => {
            tracing::warn!(%error, "the peer broke the protocol");
            LinkError::Protocol(Arc::new(error))
        }
    }
}

/// Passes outcomes to the link, which copies or shares their payloads. The caller drops them after it has released the
/// lock.
fn hand_over(replies: &Replies, link: &mut Link) {
    for (key, outcome) in replies {
        link.reply(*key, outcome);
    }
}

/// Drops outcomes. Their payloads belong to the user, whose code can panic here.
fn discard(replies: &mut Replies) {
    for (_, outcome) in replies.drain(..) {
        catch("the drop of an answer", || drop(outcome));
    }
}

/// Whether the socket has more input.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    More,
    Dry,
}

impl<T: ?Sized> Drop for Driver<'_, T> {
    /// Answers that the link has not taken are the user's: one that panics must not end the task of the link.
    fn drop(&mut self) {
        discard(&mut self.replies);
    }
}

impl<T: Transport + ?Sized> Future for Driver<'_, T> {
    type Output = LinkError;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LinkError> {
        let this = &mut *self;
        this.has_output |= this.endpoint.peer.was_called();
        let mut now = now();
        for round in 0..ROUNDS_MAX {
            if let Err(reason) = this.poll_output(now, cx) {
                return Poll::Ready(reason);
            }
            let input = this.poll_input(cx);
            if round > 0 && this.inbound.len() > 0 {
                now = self::now();
            }
            let activated = match this.process(now) {
                Ok(activated) => activated,
                Err(reason) => {
                    if let Some(transport) = &mut this.transport {
                        transport.close(cx);
                    }
                    return Poll::Ready(reason);
                }
            };
            match input {
                Err(reason) => return Poll::Ready(reason),
                Ok(_) if activated >= BATCH_MIN => break,
                Ok(Input::More) => {}
                Ok(Input::Dry) if this.wants_output() && this.takes_output() => {}
                Ok(Input::Dry) => {
                    if !this.replies.is_empty() {
                        // The socket accepts no output, but the link must still record that these calls have ended.
                        this.answer();
                    }
                    ready!(this.park(cx));
                    now = self::now();
                }
            }
        }
        // Yield: the woken tasks run first, and their messages are sent in one batch.
        this.has_output = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
