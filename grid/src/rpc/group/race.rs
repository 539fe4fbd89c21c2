//! [`Race`]: polls the calls of a group until an outcome is decided.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::outcome::{NodeAnswer, NodeFailure, NodeOutcome, TooFew};
use super::turns::Turns;
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
    /// How many are not over.
    open: usize,
    turns: Turns,
    /// Outcomes can wait for each other. With interceptors, a call may have to be polled before its outcome is there; and
    /// answers of one peer count for its memory until they are taken.
    wakes_once: bool,
}

impl<O, E> Race<O, E> {
    pub(super) fn new(calls: Vec<Member<O, E>>) -> Self {
        let peers: HashSet<_> = calls.iter().map(|member| &*member.peer).collect();
        let wakes_once =
            peers.len() == calls.len() && calls.iter().all(|member| member.call.wakes_once());
        let (open, turns) = (calls.len(), Turns::new(calls.len()));
        Self { calls: calls.into_iter().map(Some).collect(), open, turns, wakes_once }
    }

    /// How many calls are not over.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Names of the nodes whose calls are not over.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Arc<str>> {
        self.calls.iter().flatten().map(|member| &member.peer)
    }

    /// The next outcome; `None` when all calls are over. The task is woken when `enough` outcomes are there.
    pub(super) fn poll_next(
        &mut self,
        cx: &Context<'_>,
        enough: usize,
    ) -> Poll<Option<NodeOutcome<O, E>>> {
        if self.open == 0 {
            return Poll::Ready(None);
        }
        let enough = if self.wakes_once { enough.min(TOGETHER_MAX) } else { 1 };
        let calls = &mut self.calls;
        let outcome = ready!(self.turns.poll(cx, enough, |index, cx| poll_one(calls, index, cx)));
        self.open -= 1;
        Poll::Ready(Some(outcome))
    }

    pub(super) async fn all(self) -> Vec<NodeOutcome<O, E>> {
        let nodes = self.open;
        let mut outcomes: Vec<_> = (0..nodes).map(|_| None).collect();
        let mut open = nodes;
        self.run(open, |outcome| {
            if let Some(place) = outcomes.get_mut(outcome.index) {
                *place = Some(outcome);
            }
            open -= 1;
            open
        })
        .await;
        outcomes.into_iter().flatten().collect()
    }

    pub(super) async fn first_ok(self, needed: usize) -> Result<Vec<NodeAnswer<O>>, TooFew<O, E>> {
        let nodes = self.open;
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        if let Some(may_fail) = nodes.checked_sub(needed) {
            self.run(needed.min(may_fail + 1), |NodeOutcome { peer, index, result }| {
                match result {
                    Ok(value) => answers.push(NodeAnswer { peer, index, value }),
                    Err(error) => failed.push(NodeFailure { peer, index, error }),
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

    /// Polls the calls, and passes their outcomes to `decide`. `enough` outcomes can decide something; `decide` returns how many
    /// more can. Ready when that is 0.
    async fn run(mut self, mut enough: usize, mut decide: impl FnMut(NodeOutcome<O, E>) -> usize) {
        poll_fn(|cx| {
            while enough > 0 {
                match ready!(self.poll_next(cx, enough)) {
                    Some(outcome) => enough = decide(outcome),
                    None => break,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

fn poll_one<O, E>(
    calls: &mut [Option<Member<O, E>>],
    index: usize,
    cx: &mut Context<'_>,
) -> Option<NodeOutcome<O, E>> {
    let place = calls.get_mut(index)?;
    let call = &mut place.as_mut()?.call;
    let Poll::Ready(result) = Pin::new(call).poll(cx) else { return None };
    let peer = place.take()?.peer;
    Some(NodeOutcome { peer, index, result })
}
