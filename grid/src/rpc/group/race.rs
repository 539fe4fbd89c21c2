//! [`Race`]: polls the calls of a group until an outcome is decided.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outcome::{NodeAnswer, NodeOutcome, TooFew};
use super::tally::Tally;

use crate::rpc::client::Call;

/// Outcomes that wait for each other at most, so that large answers do not use up the memory of the node.
const TOGETHER_MAX: usize = 8;

/// The call to one node.
pub(super) struct Member<O, E> {
    pub(super) peer: Arc<str>,
    pub(super) call: Call<O, E>,
}

/// The calls of a group that are not over.
pub(super) struct Race<O, E> {
    /// `None`: it is over.
    calls: Vec<Option<Member<O, E>>>,
    tally: Arc<Tally>,
    /// Outcomes can wait for each other. With interceptors, a call may have to be polled before its outcome is there; and
    /// answers of one peer count for its memory until they are taken.
    wakes_once: bool,
}

impl<O, E> Race<O, E> {
    pub(super) fn new(calls: Vec<Member<O, E>>) -> Self {
        let peers: HashSet<_> = calls.iter().map(|member| &*member.peer).collect();
        let wakes_once =
            peers.len() == calls.len() && calls.iter().all(|member| member.call.wakes_once());
        let calls = calls.into_iter().map(Some).collect();
        Self { calls, tally: Arc::default(), wakes_once }
    }

    pub(super) async fn all(self) -> Vec<NodeOutcome<O, E>> {
        let nodes = self.calls.len();
        let mut outcomes: Vec<_> = (0..nodes).map(|_| None).collect();
        let mut open = nodes;
        self.run(open, |index, outcome| {
            if let Some(place) = outcomes.get_mut(index) {
                *place = Some(outcome);
            }
            open -= 1;
            open
        })
        .await;
        outcomes.into_iter().flatten().collect()
    }

    pub(super) async fn first_ok(self, needed: usize) -> Result<Vec<NodeAnswer<O>>, TooFew<O, E>> {
        let nodes = self.calls.len();
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        if let Some(may_fail) = nodes.checked_sub(needed) {
            self.run(needed.min(may_fail + 1), |_, NodeOutcome { peer, result }| {
                match result {
                    Ok(value) => answers.push(NodeAnswer { peer, value }),
                    Err(error) => failed.push((peer, error)),
                }
                // Whatever comes first: enough answers, or one failure too many.
                (needed - answers.len()).min(may_fail + 1 - failed.len())
            })
            .await;
        }
        match answers.len() >= needed {
            true => Ok(answers),
            false => Err(TooFew { needed, nodes, answers, failed }),
        }
    }

    /// Polls the calls, and passes their outcomes to `decide` with the place of the call. `open` outcomes can decide
    /// something; `decide` returns how many more can. Ready when that is 0.
    async fn run(
        mut self,
        mut open: usize,
        mut decide: impl FnMut(usize, NodeOutcome<O, E>) -> usize,
    ) {
        let mut ready: Vec<_> = (0..self.calls.len()).collect();
        poll_fn(|cx| {
            ready.append(&mut self.tally.take_ready());
            for index in ready.drain(..) {
                if open > 0
                    && let Some(outcome) = self.poll_one(index)
                {
                    open = decide(index, outcome);
                }
            }
            if open == 0 {
                return Poll::Ready(());
            }
            let enough = if self.wakes_once { open.min(TOGETHER_MAX) } else { 1 };
            if !self.tally.wait(enough, cx.waker().clone()) {
                // Not in a loop: a call that wakes itself would keep the worker.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }

    fn poll_one(&mut self, index: usize) -> Option<NodeOutcome<O, E>> {
        let place = self.calls.get_mut(index)?;
        let call = &mut place.as_mut()?.call;
        let waker = self.tally.waker(index);
        let Poll::Ready(result) = Pin::new(call).poll(&mut Context::from_waker(&waker)) else {
            return None;
        };
        let peer = place.take()?.peer;
        Some(NodeOutcome { peer, result })
    }
}
