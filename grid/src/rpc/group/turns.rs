//! [`Turns`]: which call of a group is polled next, and when the task waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::tally::Tally;

/// Calls that are polled before other tasks have their turn. As many as the operations that tokio permits a task.
const POLLS_MAX: usize = 128;

/// The calls of a group that are to be polled, by their places.
pub(super) struct Turns {
    tally: Arc<Tally>,
    ready: VecDeque<usize>,
    /// How many may be polled until the task is pending.
    polls: usize,
}

impl Turns {
    /// All of them are ready.
    pub(super) fn new(calls: usize) -> Self {
        Self { tally: Arc::default(), ready: (0..calls).collect(), polls: POLLS_MAX }
    }

    /// Polls the calls that are ready with `one`, until it returns something. Otherwise lets the task wait until `enough` calls
    /// are ready.
    pub(super) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        enough: usize,
        mut one: impl FnMut(usize, &mut Context<'_>) -> Option<T>,
    ) -> Poll<T> {
        // Not in a loop: a call that wakes itself would keep the worker.
        self.ready.extend(self.tally.take_ready());
        while let Some(index) = self.ready.pop_front() {
            let Some(polls) = self.polls.checked_sub(1) else {
                self.ready.push_front(index);
                return self.give_way(cx);
            };
            self.polls = polls;
            let waker = self.tally.waker(index);
            if let Some(found) = one(index, &mut Context::from_waker(&waker)) {
                return Poll::Ready(found);
            }
        }
        if !self.tally.wait(enough, cx.waker().clone()) {
            return self.give_way(cx);
        }
        self.polls = POLLS_MAX;
        Poll::Pending
    }

    /// The task is polled again when others have run.
    fn give_way<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.polls = POLLS_MAX;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// This one is polled again, after the others.
    pub(super) fn again(&mut self, index: usize) {
        self.ready.push_back(index);
    }
}
