//! [`Claim`]: one attempt to get a lock, from the requests to the release. The lock is released however the attempt
//! ends.

use std::convert::Infallible;
use std::future::Future;

use futures_util::stream::{BoxStream, SelectAll, StreamExt};
use grid::{Call, CallError, Group, NodeOutcome};
use tokio::time::Instant;

use super::Timing;
use super::service::LocksClient;
use super::table::{Mode, Uid};

/// Outstanding answers of the nodes: one stream for each time that all of them were asked. Dropping them cancels the calls.
pub(super) type Answers = SelectAll<BoxStream<'static, Answer>>;

/// The answer of one node.
#[derive(Debug)]
pub(super) struct Answer {
    /// The node's place in the group.
    pub(super) node: usize,
    /// When all nodes were asked, just before the requests were sent.
    pub(super) asked: Instant,
    pub(super) held: Result<bool, CallError>,
}

/// What the nodes have, or may have, granted to one uid.
///
/// When it is dropped, a task releases the lock. Calls in flight must be dropped first, so that each link carries the
/// request (if it was sent at all) before the release.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) nodes: Group<LocksClient>,
    pub(super) resource: String,
    pub(super) mode: Mode,
    pub(super) timing: Timing,
    uid: Uid,
    released: bool,
}

impl Claim {
    pub(super) fn new(
        nodes: Group<LocksClient>,
        resource: String,
        mode: Mode,
        timing: Timing,
    ) -> Self {
        Self { nodes, resource, mode, timing, uid: Uid::random(), released: false }
    }

    /// Requests the lock from all nodes.
    pub(super) fn acquire(&self, deadline: Instant) -> Answers {
        let call = match self.mode {
            Mode::Read => LocksClient::rlock,
            Mode::Write => LocksClient::lock,
        };
        let mut answers = Answers::new();
        answers.push(self.ask(deadline, call));
        answers
    }

    /// Refreshes the lock on all nodes.
    pub(super) fn refresh(&self, answers: &mut Answers) {
        let deadline = Instant::now() + self.timing.call_timeout;
        answers.push(self.ask(deadline, LocksClient::refresh));
    }

    /// Releases the lock. Returns when all nodes have answered or timed out; those that were not reached forget the
    /// lock when it expires.
    pub(super) async fn release(mut self) {
        self.released = true;
        self.start_release().await;
    }

    fn start_release(&self) -> impl Future<Output = ()> + Send + use<> {
        let call = match self.mode {
            Mode::Read => LocksClient::runlock,
            Mode::Write => LocksClient::unlock,
        };
        let deadline = Instant::now() + self.timing.call_timeout;
        self.ask(deadline, call).for_each(|_| std::future::ready(()))
    }

    fn ask(
        &self,
        deadline: Instant,
        call: fn(&LocksClient, String, Uid) -> Call<bool, Infallible>,
    ) -> BoxStream<'static, Answer> {
        let asked = Instant::now();
        let calls =
            self.nodes.ask(|node| call(node, self.resource.clone(), self.uid).deadline(deadline));
        let answer = move |NodeOutcome { index, result, .. }: NodeOutcome<_, _>| Answer {
            node: index,
            asked,
            held: result,
        };
        calls.outcomes().map(answer).boxed()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // At the end of the process there may be no runtime any more. Then the links are gone too, and the lock
        // expires.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.start_release());
        }
    }
}
