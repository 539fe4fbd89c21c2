//! What the driver of a link owns: the transport, received messages, and what is still to be done for them.
//!
//! A [`Core`] moves to another task if user code blocks the driver (slot.rs). Except where it is said, its methods run no
//! handler, waker or drop of the user. They do poll the user's byte stream: if that blocks, its link waits.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::alarm::Alarm;
use super::budget::{ReadBudget, WriteBudget};
use super::endpoint::Endpoint;
use crate::error::LinkError;
use crate::net::catch::catch;
use crate::net::link::effects::Effects;
use crate::net::serve::dispatch::{Reply, Started};
use crate::net::serve::task::Later;
use crate::net::transport::{Received, Transport};
use crate::proto::{Inbound, Link, PART_BYTES, ProtocolError};

/// Received messages of at least this length are large messages or parts of them. They are never merged.
const LARGE_MESSAGE_BYTES: usize = PART_BYTES;

/// Bytes of large messages are divided by this before they count against the read budget. Small messages activate
/// tasks, which should run soon; a part of a large message is only stored.
const LARGE_READ_DISCOUNT: usize = 4;

/// Outcomes of handlers that finished in their first poll are passed to the link in batches of this size. Allocators
/// cache about this many blocks of one size: with 24, one thread made 3 % fewer calls.
const REPLIES_MAX: usize = 6;

/// Batches of decoded messages that a poll handles before other tasks have a turn: one merged message can consist of a
/// million parts.
const BATCHES_MAX: usize = 8;

/// What has arrived counts before what is due: an answer can be among the unread bytes. So while the socket has more
/// input, timers wait until this much has been read, which is more than a kernel buffers of small messages.
const READ_BEFORE_TIMERS_BYTES: usize = 1024 * 1024;

/// The state of a driver.
pub(super) struct Core<T> {
    pub(super) endpoint: Endpoint,
    /// `None` while the link is down. The driver then handles only timeouts.
    pub(super) transport: Option<T>,
    pub(super) inbound: Inbound,
    pub(super) effects: Effects,
    /// Outcomes of handlers, for the link.
    replies: Vec<Reply>,
    /// Outcomes that the link has taken over. Dropping them runs user code.
    spent: Vec<Reply>,
    /// Handlers that wait to be spawned.
    later: Vec<Later>,
    alarm: Alarm,
    /// Bytes that were read since a timer was found due.
    read_since_due: Option<usize>,
    /// The last round did not read.
    has_rested: bool,
    /// Reading has failed, but not all messages before the error are handled yet.
    pub(super) failed: Option<LinkError>,
    budget: ReadBudget,
    write_budget: WriteBudget,
    /// The link has, or may have, something to send.
    pub(super) has_output: bool,
    /// A task was woken or spawned in this poll. The worker may keep it where other workers cannot take it.
    pub(super) has_woken: bool,
}

/// Whether the socket has more input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    More,
    Dry,
}

impl<T: Transport> Core<T> {
    pub(super) fn new(endpoint: Endpoint, transport: Option<T>) -> Self {
        Self {
            inbound: endpoint.peer.link(|link| link.new_inbound()),
            budget: ReadBudget::of(&endpoint.workers),
            write_budget: WriteBudget::default(),
            endpoint,
            transport,
            effects: Effects::default(),
            replies: Vec::new(),
            spent: Vec::new(),
            later: Vec::new(),
            alarm: Alarm::new(),
            read_since_due: None,
            has_rested: false,
            failed: None,
            has_output: true,
            has_woken: false,
        }
    }

    /// Begins a poll. Returns whether input must be handled before anything is sent: a timer is due, so the peer may be
    /// gone.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        self.has_output |= self.endpoint.peer.was_called();
        self.has_woken = false;
        self.note_due(now);
        self.read_since_due.is_some()
    }

    /// Passes waiting messages to the transport and flushes it, as far as the socket accepts them.
    pub(super) fn poll_output(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), LinkError> {
        let Self { endpoint, transport, effects, replies, spent, has_output, write_budget, .. } =
            self;
        let Some(transport) = transport else { return Ok(()) };
        write_budget.begin();
        loop {
            let takes_more = transport.has_room() && write_budget.allows_more();
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
                spent.append(replies);
                if let Some(message) = message {
                    write_budget.note(&message);
                    transport.start_send(message.seal())?;
                    continue;
                }
            }
            let blocked = transport.poll_flush(cx)?.is_pending();
            while let Some(spent) = transport.take_spent() {
                effects.drop_payload(spent);
            }
            let goes_on = *has_output && write_budget.allows_more();
            if blocked || !goes_on || !transport.has_room() {
                return Ok(());
            }
        }
    }

    /// Reads available input, up to the budget. The caller must handle the messages read so far even if this fails.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>) -> Result<Input, LinkError> {
        let Some(transport) = &mut self.transport else { return Ok(Input::Dry) };
        if !self.inbound.is_done() {
            return Ok(Input::More); // The last poll has not handled everything.
        }
        if let Some(reason) = self.failed.take() {
            return Err(reason);
        }
        // A peer that makes this node hold much mostly waits for answers. While they leave, every other round only
        // writes; otherwise a node that reads faster than it writes would collect requests.
        let is_pressed = self.inbound.is_pressed();
        self.has_rested = is_pressed && self.has_output && transport.has_room() && !self.has_rested;
        if self.has_rested {
            return Ok(Input::More);
        }
        let (mut bytes, mut read) = (0, 0);
        let input = loop {
            if !self.budget.allows(self.inbound.len(), bytes) {
                self.budget.grow();
                break Input::More;
            }
            match transport.poll_recv_into(cx, &mut self.inbound) {
                Poll::Ready(received) => {
                    let len = match received? {
                        Received::Message(message) => {
                            let len = message.len();
                            self.inbound.push(message);
                            len
                        }
                        Received::Placed(len) => len,
                    };
                    let discount = match len {
                        LARGE_MESSAGE_BYTES.. if !is_pressed => LARGE_READ_DISCOUNT,
                        _ => 1,
                    };
                    read += len;
                    bytes += len / discount;
                }
                Poll::Pending => {
                    if transport.take_progress() {
                        self.inbound.note_progress();
                    }
                    self.budget.shrink();
                    break Input::Dry;
                }
            }
        };
        if let Some(since_due) = &mut self.read_since_due {
            *since_due += read;
        }
        Ok(input)
    }

    /// Notes whether a timer is due.
    fn note_due(&mut self, now: Instant) {
        if self.alarm.take_due(now) {
            self.read_since_due.get_or_insert(0);
        }
    }

    /// Feeds a batch of received messages to the link. Then handles timers, unless the socket has more `input` that may
    /// have to be handled before them. Returns `false` if there was nothing to do.
    pub(super) fn handle(&mut self, now: Instant, input: Input) -> Result<bool, LinkError> {
        self.note_due(now);
        let has_messages = self.inbound.decode();
        let Self { endpoint, effects, inbound, has_output, read_since_due, .. } = self;
        let has_read = input == Input::Dry
            || read_since_due.is_some_and(|read| read >= READ_BEFORE_TIMERS_BYTES);
        let handles_timers = inbound.is_done() && has_read;
        let has_work = has_messages || (read_since_due.is_some() && handles_timers);
        if !has_work {
            return Ok(false);
        }
        let handlers = endpoint.peer.handlers();
        let outcome = endpoint.peer.act(effects, |shared, _| {
            shared.parked.unpark();
            let link = &mut shared.link;
            link.set_handlers(handlers);
            let mut outcome = link.handle_messages(now, inbound);
            let is_late = link.poll_timeout().is_some_and(|timeout| timeout <= now);
            if outcome.is_ok() && is_late && handles_timers {
                outcome = link.handle_timeout(now, inbound);
            }
            *has_output = link.wants_transmit();
            // An alarm that is due is cleared, so the timers are remembered here until they are handled.
            *read_since_due = (is_late && !handles_timers).then(|| read_since_due.unwrap_or(0));
            outcome
        });
        outcome.map(|()| true).map_err(broken)
    }

    /// Whether a poll that has handled this many batches must let other tasks run, although more messages wait.
    pub(super) fn is_over_budget(&self, batches: usize) -> bool {
        batches >= BATCHES_MAX && !self.inbound.is_done()
    }

    /// Takes the result of starting a handler.
    pub(super) fn add(&mut self, started: Option<Started>) {
        match started {
            Some(Started::Finished(reply)) => self.replies.push(reply),
            Some(Started::Later(handler)) => self.later.push(handler),
            None => {}
        }
    }

    /// Whether the link must take the outcomes of handlers before another one is started.
    pub(super) fn is_full_of_replies(&self) -> bool {
        self.replies.len() >= REPLIES_MAX
    }

    /// Passes the outcomes of handlers that finished in their first poll to the link.
    pub(super) fn answer(&mut self) {
        let Self { endpoint, effects, replies, spent, .. } = self;
        endpoint.peer.act(effects, |shared, _| hand_over(replies, &mut shared.link));
        spent.append(replies);
        self.has_output = true;
    }

    /// Takes outcomes that the link has taken over, to drop them.
    pub(super) fn take_spent(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.spent)
    }

    /// Returns the emptied list from [`take_spent`](Self::take_spent), to reuse its memory.
    pub(super) fn reuse_spent(&mut self, emptied: Vec<Reply>) {
        if self.spent.is_empty() {
            self.spent = emptied;
        }
    }

    /// Drops outcomes that the link has taken over. Runs user code.
    pub(super) fn drop_spent(&mut self) {
        discard(self.spent.drain(..));
    }

    pub(super) fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    /// Wakes tasks and spawns handlers.
    pub(super) fn wake_and_spawn(&mut self) {
        let Self { endpoint, effects, later, .. } = self;
        let woken = effects.apply_own();
        self.has_woken |= woken > 0 || !later.is_empty();
        for handler in later.drain(..) {
            handler.spawn(&endpoint.peer, &endpoint.registry, &endpoint.workers);
        }
    }

    /// Whether user code is left that had to wait.
    pub(super) fn has_user_code(&self) -> bool {
        self.effects.has_serve() || self.effects.has_foreign() || self.has_spent()
    }

    /// Whether there may be something to send.
    pub(super) fn wants_output(&self) -> bool {
        self.has_output || !self.replies.is_empty()
    }

    /// Whether outcomes of handlers wait for the link.
    pub(super) fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether something can be sent now.
    pub(super) fn takes_output(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.has_room())
    }

    /// Registers the driver as asleep, or returns `Ready` if there is more to do. See link/park.rs.
    pub(super) fn park(&mut self, is_cut: impl Fn() -> bool, cx: &mut Context<'_>) -> Poll<()> {
        let takes_output = self.takes_output();
        let unflushed = self.transport.as_ref().is_some_and(|transport| !transport.is_flushed());
        let Self { endpoint, effects, alarm, has_output, .. } = self;
        endpoint.peer.act(effects, |shared, effects| {
            if takes_output && shared.link.wants_transmit() {
                *has_output = true;
                return Poll::Ready(());
            }
            shared.set_unflushed(unflushed, effects);
            if is_cut() || alarm.poll_set(shared.link.poll_timeout(), cx).is_ready() {
                return Poll::Ready(());
            }
            shared.parked.park(cx.waker(), alarm.time(), takes_output);
            Poll::Pending
        })
    }
}

impl<T> Drop for Core<T> {
    /// Answers that are left are the user's: one that panics must not end the task of the link.
    fn drop(&mut self) {
        discard(self.replies.drain(..).chain(self.spent.drain(..)));
    }
}

/// Drops outcomes. Their payloads belong to the user, whose code can panic here.
pub(super) fn discard(replies: impl IntoIterator<Item = Reply>) {
    for (_, outcome) in replies {
        catch("the drop of an answer", || drop(outcome));
    }
}

/// Passes outcomes to the link, which copies or shares their payloads. They are dropped after the lock is released.
fn hand_over(replies: &[Reply], link: &mut Link) {
    for (key, outcome) in replies {
        link.reply(*key, outcome);
    }
}

/// Converts a protocol error or a silent peer to the reason why the connection is closed.
fn broken(error: ProtocolError) -> LinkError {
    match error {
        ProtocolError::Silent(silent) => LinkError::Silent { silent },
        error => LinkError::Protocol(Arc::new(error)),
    }
}
