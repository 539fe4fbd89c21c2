//! The wakers of tasks that wait on calls, and the tasks of running handlers, indexed by the slot of the call's key.
//!
//! The table is under the same lock as the link. An entry belongs to the call that currently uses the slot. The waker
//! of an earlier call can remain until another task registers in the slot; the worst result is a spurious wake-up.

use std::task::Waker;

use tokio::task::AbortHandle;

use super::effects::Effects;
use super::waker_set::WakerSet;
use crate::proto::{Half, Key, Side};

/// All waiters of one link.
#[derive(Debug, Default)]
pub(in crate::net) struct Waiters {
    calls: Vec<Pair>,
    served: Vec<Served>,
}

/// The two halves of one call or stream.
#[derive(Debug, Default)]
struct Pair {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Default)]
struct Served {
    pair: Pair,
    /// The task that runs the handler, if one was spawned.
    task: Option<(Key, AbortHandle)>,
    /// Tasks that wait for the end of the call.
    finished: WakerSet,
}

/// One of the two tasks that can wait on a call or stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct Waiter {
    pub(in crate::net) side: Side,
    pub(in crate::net) key: Key,
    pub(in crate::net) half: Half,
}

impl Waiters {
    /// Whether the task of `waker` is already registered.
    pub(super) fn has(&mut self, waiter: Waiter, waker: &Waker) -> bool {
        self.place(waiter).as_ref().is_some_and(|registered| registered.will_wake(waker))
    }

    /// Registers a waker. Cloning a waker can run user code, so the caller does it before it takes the lock.
    pub(in crate::net) fn register(&mut self, waiter: Waiter, waker: Waker, effects: &mut Effects) {
        effects.drop_waker(self.place(waiter).replace(waker));
    }

    /// Wakes the task that an event names, or both halves.
    pub(super) fn wake(&mut self, side: Side, key: Key, half: Half, effects: &mut Effects) {
        let pair = self.pair(side, key);
        if matches!(half, Half::Reader | Half::Both) {
            effects.wake(pair.reader.take());
        }
        if matches!(half, Half::Writer | Half::Both) {
            effects.wake(pair.writer.take());
        }
    }

    /// Registers the task of a handler, so that it can be aborted.
    pub(in crate::net) fn run(&mut self, key: Key, task: AbortHandle) {
        self.served(key).task = Some((key, task));
    }

    /// Returns the tasks that wait for the end of a served call.
    pub(super) fn finished(&mut self, key: Key) -> &mut WakerSet {
        &mut self.served(key).finished
    }

    /// Wakes every task that waits on a served call that has ended. Returns the handler's task, if one was spawned.
    pub(super) fn finish(&mut self, key: Key, effects: &mut Effects) -> Option<AbortHandle> {
        let served = self.served(key);
        served.finished.wake_all(effects);
        effects.wake(served.pair.reader.take());
        effects.wake(served.pair.writer.take());
        let (_, task) = served.task.take_if(|(running, _)| *running == key)?;
        Some(task)
    }

    fn place(&mut self, Waiter { side, key, half }: Waiter) -> &mut Option<Waker> {
        debug_assert!(half != Half::Both, "a task waits on one half");
        let pair = self.pair(side, key);
        match half {
            Half::Writer => &mut pair.writer,
            Half::Reader | Half::Both => &mut pair.reader,
        }
    }

    fn pair(&mut self, side: Side, key: Key) -> &mut Pair {
        match side {
            Side::Caller => entry(&mut self.calls, key.slot()),
            Side::Callee => &mut self.served(key).pair,
        }
    }

    fn served(&mut self, key: Key) -> &mut Served {
        entry(&mut self.served, key.slot())
    }
}

fn entry<T: Default>(table: &mut Vec<T>, slot: usize) -> &mut T {
    if slot >= table.len() {
        table.resize_with(slot + 1, T::default);
    }
    &mut table[slot]
}
