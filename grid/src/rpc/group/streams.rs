//! [`GroupStream`]: one stream from each node of a group, merged.
//!
//! Nothing is read ahead: an item is taken from the stream of its node when the reader asks for it, so each node is slowed
//! down by its own window.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::turns::Turns;
use crate::CallError;
use crate::rpc::client::Opening;
use crate::rpc::stream::Responses;

/// One stream from each node of a group, merged into one, from [`Group::open`](super::Group::open).
///
/// A [`Stream`] of [`NodeItem`], which ends when the streams of all nodes have ended. The items of one node arrive in the order
/// in which they were sent; nodes that have items take turns. The failure of one node does not end the others. A slow reader
/// slows down each node, as the reader of a single stream does.
///
/// The streams are opened when the first item is awaited. Dropping this cancels all of them.
#[must_use = "dropping the stream cancels the calls"]
pub struct GroupStream<O: 'static, E: 'static> {
    /// `None`: it has ended.
    nodes: Vec<Option<Member<O, E>>>,
    /// How many have not ended.
    open: usize,
    turns: Turns,
}

/// What the stream of one node has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeItem<O, E> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Place of the node in the group, from 0.
    pub index: usize,
    /// What [`Responses::next`] of its stream has returned: an item, an error, or `None` when the handler has returned without
    /// one. An error, such as that it could not be opened, and `None` are the last of the node.
    pub item: Option<Result<O, CallError<E>>>,
}

/// One node of the group.
struct Member<O: 'static, E: 'static> {
    peer: Arc<str>,
    source: Source<O, E>,
}

/// The stream of one node.
enum Source<O: 'static, E: 'static> {
    Opening(Opening<Responses<O, E>, E>),
    Open(Responses<O, E>),
}

type Polled<O, E> = Poll<Option<Result<O, CallError<E>>>>;

impl<O, E> Source<O, E> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled<O, E> {
        loop {
            match self {
                Self::Opening(opening) => match ready!(Pin::new(opening).poll(cx)) {
                    Ok(responses) => *self = Self::Open(responses),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                Self::Open(responses) => return Pin::new(responses).poll_next(cx),
            }
        }
    }
}

impl<O, E> GroupStream<O, E> {
    pub(super) fn new(
        nodes: impl IntoIterator<Item = (Arc<str>, Opening<Responses<O, E>, E>)>,
    ) -> Self {
        let opening = |(peer, opening)| Some(Member { peer, source: Source::Opening(opening) });
        let nodes: Vec<_> = nodes.into_iter().map(opening).collect();
        Self { open: nodes.len(), turns: Turns::new(nodes.len()), nodes }
    }

    /// Waits for the next item of any node, or the end of its stream; `None` when all have ended.
    ///
    /// # Cancel safety
    /// Cancel safe: an item is taken only when the future is ready. Dropping the future cancels no stream.
    #[expect(
        clippy::should_implement_trait,
        reason = "as `StreamExt::next`, but without an import"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<NodeItem<O, E>>> + Send + use<'_, O, E> {
        poll_fn(|cx| self.poll_item(cx))
    }

    /// How many streams have not ended.
    pub fn left(&self) -> usize {
        self.open
    }

    fn poll_item(&mut self, cx: &Context<'_>) -> Poll<Option<NodeItem<O, E>>> {
        if self.open == 0 {
            return Poll::Ready(None);
        }
        let nodes = &mut self.nodes;
        let (index, item) = ready!(self.turns.poll(cx, 1, |index, cx| {
            match nodes.get_mut(index)?.as_mut()?.source.poll(cx) {
                Poll::Ready(item) => Some((index, item)),
                Poll::Pending => None,
            }
        }));
        let Some(place) = self.nodes.get_mut(index) else { return Poll::Ready(None) };
        let peer = match &item {
            Some(Ok(_)) => {
                // It may have more, and its waker is not registered.
                self.turns.again(index);
                place.as_ref().map(|member| Arc::clone(&member.peer))
            }
            Some(Err(_)) | None => {
                self.open -= 1;
                place.take().map(|member| member.peer)
            }
        };
        Poll::Ready(peer.map(|peer| NodeItem { peer, index, item }))
    }
}

impl<O, E> Stream for GroupStream<O, E> {
    type Item = NodeItem<O, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<O, E> FusedStream for GroupStream<O, E> {
    fn is_terminated(&self) -> bool {
        self.open == 0
    }
}

impl<O, E> fmt::Debug for GroupStream<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().flatten().map(|member| &member.peer)).finish()
    }
}
