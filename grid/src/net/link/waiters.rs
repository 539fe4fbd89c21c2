//! Who waits for what: the wakers of calls and the running handlers, by the slot of their key.
//!
//! Kept beside the link under the same lock. An entry belongs to whoever has its slot now; a waker that is left over
//! from an earlier owner is replaced when the next one waits, and until then wakes somebody in vain at most.

use std::task::{Context, Waker};

use slab::Slab;
use tokio::task::AbortHandle;

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
    /// The task that runs the handler, once it has one.
    task: Option<(Key, AbortHandle)>,
    /// Those who wait for the call to be over, each at a place of its own.
    over: Slab<Waker>,
}

impl Waiters {
    /// Remembers that the task of `cx` waits.
    pub(in crate::net) fn wait(&mut self, side: Side, key: Key, half: Half, cx: &Context<'_>) {
        let pair = self.pair(side, key);
        if matches!(half, Half::Reader | Half::Both) {
            store(&mut pair.reader, cx);
        }
        if matches!(half, Half::Writer | Half::Both) {
            store(&mut pair.writer, cx);
        }
    }

    /// Takes out whom an event concerns.
    pub(in crate::net) fn take(&mut self, side: Side, key: Key, half: Half, out: &mut Vec<Waker>) {
        let pair = self.pair(side, key);
        if matches!(half, Half::Reader | Half::Both) {
            out.extend(pair.reader.take());
        }
        if matches!(half, Half::Writer | Half::Both) {
            out.extend(pair.writer.take());
        }
    }

    /// Remembers the task of a handler, so that it can be aborted.
    pub(in crate::net) fn running(&mut self, key: Key, task: AbortHandle) {
        self.served(key).task = Some((key, task));
    }

    /// Remembers at `place` that the task of `cx` waits for the end of a served call, which is not over.
    pub(in crate::net) fn wait_over(
        &mut self,
        key: Key,
        place: &mut Option<usize>,
        cx: &Context<'_>,
    ) {
        let over = &mut self.served(key).over;
        match place.and_then(|place| over.get_mut(place)) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *place = Some(over.insert(cx.waker().clone())),
        }
    }

    /// Gives up a place of [`wait_over`](Self::wait_over), while the call is not over.
    pub(in crate::net) fn forget_over(&mut self, key: Key, place: usize) -> Option<Waker> {
        self.served(key).over.try_remove(place)
    }

    /// A served call is over: wakes whoever waits on it, and hands out the handler's task where it is still known.
    pub(in crate::net) fn over(&mut self, key: Key, out: &mut Vec<Waker>) -> Option<AbortHandle> {
        let served = self.served(key);
        out.extend(served.over.drain());
        out.extend(served.pair.reader.take());
        out.extend(served.pair.writer.take());
        let (_, task) = served.task.take_if(|(running, _)| *running == key)?;
        Some(task)
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

fn store(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}
