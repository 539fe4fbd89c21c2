//! [`Outcomes`]: the outcomes of a group's calls, one by one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::outcome::NodeOutcome;
use super::race::Race;

/// The outcomes of a group's calls in the order in which they come, from [`GroupCall::outcomes`](super::GroupCall::outcomes).
///
/// A [`Stream`], which ends when all nodes have answered or failed. Dropping it cancels the calls that are not over.
#[must_use = "dropping the outcomes cancels the calls"]
pub struct Outcomes<O, E> {
    race: Race<O, E>,
}

impl<O, E> Outcomes<O, E> {
    pub(super) fn new(race: Race<O, E>) -> Self {
        Self { race }
    }

    /// Waits for the next outcome; `None` when there are no more.
    ///
    /// The calls start with the first one that is awaited.
    ///
    /// # Cancel safety
    /// Cancel safe: an outcome is taken only when the future is ready. Dropping the future cancels no call.
    #[expect(
        clippy::should_implement_trait,
        reason = "as `StreamExt::next`, but without an import"
    )]
    pub fn next(
        &mut self,
    ) -> impl Future<Output = Option<NodeOutcome<O, E>>> + Send + use<'_, O, E> {
        poll_fn(|cx| self.race.poll_next(cx, 1))
    }

    /// How many nodes have neither answered nor failed.
    pub fn left(&self) -> usize {
        self.race.open()
    }
}

impl<O, E> Stream for Outcomes<O, E> {
    type Item = NodeOutcome<O, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.race.poll_next(cx, 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

impl<O, E> FusedStream for Outcomes<O, E> {
    fn is_terminated(&self) -> bool {
        self.left() == 0
    }
}

impl<O, E> fmt::Debug for Outcomes<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.race.peers()).finish()
    }
}
