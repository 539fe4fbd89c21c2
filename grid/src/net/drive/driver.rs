//! The one task per link: it moves messages between the link and the transport, and starts handlers.
//!
//! One round: hand waiting output to the transport and flush without waiting, read a little, let the link handle it,
//! wake tasks and start handlers without the lock, answer. The driver keeps reading while a write is blocked; otherwise
//! two busy peers would deadlock. The link's output is bounded by making callers wait.
//!
//! When a round has activated several tasks, the driver yields before it looks for output, so that their messages are
//! sent in one batch. After a single task it parks at once, which keeps latency low.
//!
//! What the driver works on is a [`Core`]. The driver lends it while user code runs, and may lose it then (slot.rs).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::core::{Core, Input, discard};
use super::endpoint::Endpoint;
use super::slot::{Slot, Taken};
use crate::error::LinkError;
use crate::net::link::peer::now;
use crate::net::serve::dispatch;
use crate::net::transport::Transport;

/// The driver yields once a round has activated at least this many tasks and handlers.
const BATCH_MIN: usize = 2;

/// The driver yields after this many consecutive rounds that activated at most one task each. It does not yield after
/// each of them, because a yield costs as much as a call. With eight, the rate of two-way streams dropped by a third;
/// with two and three it was the same within the noise.
const ROUNDS_MAX: u32 = 4;

/// The task of a link, as a future that ends with the connection, or when the link is taken away from it.
pub(super) struct Driver<T> {
    /// Absent after the end.
    core: Option<Box<Core<T>>>,
    /// `None`: the link is not taken away when user code blocks.
    slot: Option<Arc<Slot<T>>>,
    /// The number of this driver among those of the slot.
    generation: u64,
}

/// How a driver has ended.
pub(super) enum Driven<T> {
    Ended {
        reason: LinkError,
        core: Box<Core<T>>,
    },
    /// Another driver has the link.
    Taken,
}

/// Why a poll cannot go on.
enum Halt<T> {
    Ended(Box<Core<T>>, LinkError),
    Taken,
}

impl<T> From<Taken> for Halt<T> {
    fn from(_: Taken) -> Self {
        Self::Taken
    }
}

/// What a round has done.
#[derive(Default)]
struct Progress {
    /// Tasks woken and handlers started. A handler counts even if it finishes in its first poll: its answer makes the
    /// peer send more.
    activated: usize,
    /// Other tasks must have a turn before the driver goes on.
    must_yield: bool,
}

type Turn<T, R> = Result<R, Halt<T>>;

impl<T: Transport + 'static> Driver<T> {
    /// A driver that keeps its core while user code runs.
    pub(super) fn alone(core: Box<Core<T>>) -> Self {
        Self { core: Some(core), slot: None, generation: 0 }
    }

    pub(super) fn of_slot(core: Box<Core<T>>, slot: Arc<Slot<T>>, generation: u64) -> Self {
        Self { core: Some(core), slot: Some(slot), generation }
    }

    /// The slot, if the link can be taken away.
    fn lending_slot(&self) -> Option<&Arc<Slot<T>>> {
        self.slot.as_ref().filter(|slot| slot.can_be_taken())
    }

    fn is_cut(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.is_cut())
    }

    /// Drops answers that the link has taken over.
    fn drop_spent(&self, mut core: Box<Core<T>>) -> Turn<T, Box<Core<T>>> {
        if !core.has_spent() {
            return Ok(core);
        }
        let Some(slot) = self.lending_slot() else {
            core.drop_spent();
            return Ok(core);
        };
        let Some(permit) = slot.enter() else { return Ok(core) };
        let mut spent = core.take_spent();
        core = slot.run(core, self.generation, &permit, || discard(spent.drain(..)))?;
        core.reuse_spent(spent);
        Ok(core)
    }

    /// Applies the effects that run user code.
    fn apply_foreign(&self, mut core: Box<Core<T>>) -> Turn<T, Box<Core<T>>> {
        let Some(slot) = self.lending_slot() else {
            while let Some(effect) = core.effects.next_foreign() {
                effect.apply();
            }
            return Ok(core);
        };
        while core.effects.has_foreign()
            && let Some(permit) = slot.enter()
            && let Some(effect) = core.effects.next_foreign()
        {
            core = slot.run(core, self.generation, &permit, || effect.apply())?;
        }
        Ok(core)
    }

    /// Starts the handlers of received calls.
    fn serve(&self, mut core: Box<Core<T>>) -> Turn<T, Box<Core<T>>> {
        if let Some(slot) = self.lending_slot() {
            let Some(permit) = slot.enter() else { return Ok(core) };
            return Ok(slot.serve(core, self.generation, &permit)?);
        }
        while let Some(event) = core.effects.next_serve() {
            let Endpoint { peer, registry, workers, certificate } = &core.endpoint;
            let certificate = certificate.as_ref();
            let started = dispatch::serve(peer, registry, workers, certificate, event, false);
            core.add(started);
            if core.is_full_of_replies() {
                core.answer();
                core.drop_spent();
            }
        }
        Ok(core)
    }

    /// Starts handlers, then applies the effects. User code that cannot run now is left in the core.
    fn settle(
        &self,
        mut core: Box<Core<T>>,
        progress: &mut Progress,
        cx: &Context<'_>,
    ) -> Turn<T, Box<Core<T>>> {
        progress.activated += core.effects.activations();
        // tokio keeps the last woken task in the worker's LIFO slot, from which other workers cannot steal. It would wait
        // while user code blocks, so that code runs first, or in the next poll.
        let waits = core.has_woken && self.lending_slot().is_some();
        if !waits && core.effects.has_serve() {
            core = self.serve(core)?;
        }
        core.effects.set_foreign_aside(cx.waker().vtable());
        if !waits {
            core = self.apply_foreign(core)?;
            core = self.drop_spent(core)?;
        }
        core.wake_and_spawn();
        Ok(core)
    }

    /// Feeds received messages to the link and acts on the resulting events.
    fn process(
        &self,
        mut core: Box<Core<T>>,
        now: Instant,
        input: Input,
        cx: &mut Context<'_>,
    ) -> Turn<T, (Box<Core<T>>, Progress)> {
        let mut progress = Progress::default();
        core = self.settle(core, &mut progress, cx)?; // Effects of `poll_output`, and what the last poll has left.
        let mut batches = 0;
        while !core.is_over_budget(batches) && !core.has_user_code() {
            let handled = core.handle(now, input);
            core = self.settle(core, &mut progress, cx)?;
            match handled {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => {
                    if let Some(transport) = &mut core.transport {
                        transport.close(&reason, cx);
                    }
                    return Err(Halt::Ended(core, reason));
                }
            }
            batches += 1;
        }
        progress.must_yield = !core.inbound.is_done() || core.has_user_code();
        Ok((core, progress))
    }

    /// Goes through rounds until there is nothing to do or other tasks must have a turn.
    fn turn(&self, mut core: Box<Core<T>>, cx: &mut Context<'_>) -> Turn<T, Box<Core<T>>> {
        let mut now = now();
        let mut reads_first = core.begin(now);
        for round in 0..ROUNDS_MAX {
            if self.is_cut() {
                return Err(Halt::Ended(core, LinkError::ShutDown));
            }
            if !std::mem::take(&mut reads_first)
                && let Err(reason) = core.poll_output(now, cx)
            {
                return Err(Halt::Ended(core, reason));
            }
            let input = core.poll_input(cx);
            if round > 0 && core.inbound.len() > 0 {
                now = self::now();
            }
            let more = *input.as_ref().unwrap_or(&Input::Dry);
            let (back, progress) = self.process(core, now, more, cx)?;
            core = back;
            match input {
                Err(reason) if progress.must_yield => {
                    core.failed = Some(reason);
                    break;
                }
                Err(reason) => return Err(Halt::Ended(core, reason)),
                Ok(_) if progress.must_yield || progress.activated >= BATCH_MIN => break,
                Ok(Input::More) => {}
                Ok(Input::Dry) if core.wants_output() && core.takes_output() => {}
                Ok(Input::Dry) => {
                    if core.has_replies() {
                        // The socket accepts no output, but the link must still record that these calls have ended.
                        core.answer();
                    }
                    let parked = core.park(|| self.is_cut(), cx);
                    core = self.settle(core, &mut Progress::default(), cx)?;
                    if parked.is_pending() && !core.has_user_code() {
                        return Ok(core);
                    }
                    now = self::now();
                }
            }
        }
        // Yield: the woken tasks run first, and their messages are sent in one batch.
        core.has_output = true;
        cx.waker().wake_by_ref();
        Ok(core)
    }
}

impl<T: Transport + 'static> Future for Driver<T> {
    type Output = Driven<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Driven<T>> {
        let Some(core) = self.core.take() else { return Poll::Ready(Driven::Taken) };
        match self.turn(core, cx) {
            Ok(core) => {
                self.core = Some(core);
                Poll::Pending
            }
            Err(Halt::Ended(core, reason)) => Poll::Ready(Driven::Ended { reason, core }),
            Err(Halt::Taken) => Poll::Ready(Driven::Taken),
        }
    }
}
