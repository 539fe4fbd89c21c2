//! [`Tally`]: which calls of a group are ready, and when that is enough to wake the task.
//!
//! With five nodes and a majority of three, the first two answers decide nothing. So the task is woken once, by the third,
//! and looks at all of them then.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::sync::{Mutex, MutexGuard};

/// Shared by the task and the wakers of its calls.
#[derive(Default)]
pub(super) struct Tally {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls that have been woken since the task has looked.
    ready: Vec<usize>,
    /// How many of them can decide something.
    enough: usize,
    task: Option<Waker>,
}

/// The waker of one call.
struct Child {
    tally: Arc<Tally>,
    index: usize,
}

impl Tally {
    pub(super) fn waker(self: &Arc<Self>, index: usize) -> Waker {
        Arc::new(Child { tally: Arc::clone(self), index }).into()
    }

    /// Takes the calls that are ready.
    pub(super) fn take_ready(&self) -> Vec<usize> {
        std::mem::take(&mut self.lock().ready)
    }

    /// The task waits until this many calls are ready. Returns `false` if they are.
    pub(super) fn wait(&self, enough: usize, task: Waker) -> bool {
        let mut state = self.lock();
        state.enough = enough;
        let is_waiting = state.ready.len() < enough;
        let before = state.task.replace(task);
        drop(state);
        // Outside the lock: it is the user's.
        drop(before);
        is_waiting
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.tally.lock();
        if !state.ready.contains(&self.index) {
            state.ready.push(self.index);
        }
        let is_enough = state.ready.len() >= state.enough;
        let task = if is_enough { state.task.take() } else { None };
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_task_is_woken_once_by_enough_calls() {
        let (tally, count) = (Arc::new(Tally::default()), Arc::new(Count::default()));
        let wakers = [0, 1, 2].map(|index| tally.waker(index));
        let woken = || count.0.load(Ordering::Relaxed);
        assert!(tally.wait(2, Arc::clone(&count).into()));
        wakers[2].wake_by_ref();
        wakers[2].wake_by_ref();
        assert_eq!(woken(), 0, "the same call twice is one");
        wakers[0].wake_by_ref();
        wakers[1].wake_by_ref();
        assert_eq!(woken(), 1);
        assert_eq!(tally.take_ready(), [2, 0, 1]);
        wakers[1].wake_by_ref();
        assert!(!tally.wait(1, Arc::clone(&count).into()), "it was woken before the task waits");
    }
}
