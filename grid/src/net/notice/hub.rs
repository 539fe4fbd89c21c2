//! [`Hub`] and [`Events`]: notify programs of what happens.
//!
//! Each reader has a queue of its own, which is bounded: a reader that is too slow loses events, and learns how many.
//! Its waker is the user's, so it is woken outside of all locks, and its panic is caught.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::{FusedStream, Stream};

use crate::net::catch::catch;
use crate::sync::{Mutex, MutexGuard};

/// Events that wait for one reader. As many as a change of a list of a hundred nodes causes.
const EVENTS_MAX: usize = 256;

/// What a [`Hub`] passes on.
#[expect(unnameable_types, reason = "only this crate implements it")]
pub trait Event: Clone + Unpin {
    /// Says that a reader was too slow, and how many events it has missed.
    #[doc(hidden)]
    fn lagged(missed: u64) -> Self;
}

/// Passes events to all readers. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::net) struct Hub<E>(Arc<Mutex<Readers<E>>>);

impl<E> Default for Hub<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[derive(Debug)]
struct Readers<E> {
    all: Vec<Weak<Reader<E>>>,
    is_closed: bool,
}

impl<E> Default for Readers<E> {
    fn default() -> Self {
        Self { all: Vec::new(), is_closed: false }
    }
}

#[derive(Debug)]
struct Reader<E>(Mutex<Queue<E>>);

#[derive(Debug)]
struct Queue<E> {
    events: VecDeque<E>,
    missed: u64,
    waker: Option<Waker>,
    is_closed: bool,
}

impl<E: Event> Hub<E> {
    /// Returns a reader of all events from now on.
    pub(in crate::net) fn subscribe(&self) -> Events<E> {
        let queue = Queue { events: VecDeque::new(), missed: 0, waker: None, is_closed: false };
        let reader = Arc::new(Reader(Mutex::new(queue)));
        let mut readers = self.lock();
        readers.all.retain(|reader| reader.strong_count() > 0);
        readers.all.push(Arc::downgrade(&reader));
        Events { reader, has_ended: readers.is_closed }
    }

    pub(in crate::net) fn send(&self, event: &E) {
        let readers = self.lock().all.clone();
        notify(readers, |queue| match queue.missed > 0 || queue.events.len() == EVENTS_MAX {
            // Later ones as well, until the reader knows of the gap: they come after it.
            true => queue.missed += 1,
            false => queue.events.push_back(event.clone()),
        });
    }

    /// Ends the streams of all readers, after the events that they have not read.
    pub(in crate::net) fn close(&self) {
        let mut readers = self.lock();
        readers.is_closed = true;
        let all = std::mem::take(&mut readers.all);
        drop(readers);
        notify(all, |queue| queue.is_closed = true);
    }

    fn lock(&self) -> MutexGuard<'_, Readers<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes the queue of each reader, and wakes it.
fn notify<E>(readers: Vec<Weak<Reader<E>>>, act: impl Fn(&mut Queue<E>)) {
    for reader in readers.iter().filter_map(Weak::upgrade) {
        let mut queue = reader.lock();
        act(&mut queue);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            catch("the waker of a reader of events", || waker.wake());
        }
    }
}

impl<E> Reader<E> {
    fn lock(&self) -> MutexGuard<'_, Queue<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens, from [`Members::events`](crate::Members::events) or [`Manager::warnings`](crate::Manager::warnings).
///
/// A [`Stream`], which ends when the node is shut down. At most 256 events wait for a reader; when more happen, it
/// receives after those how many it has missed: [`MemberEvent::Lagged`](crate::MemberEvent::Lagged) or
/// [`Warning::Lagged`](crate::Warning::Lagged).
pub struct Events<E> {
    reader: Arc<Reader<E>>,
    has_ended: bool,
}

impl<E: Event> Events<E> {
    /// Returns the next event, like the stream; `None` when the node is shut down.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<E> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<E>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        // Cloned before and dropped after the lock is held: both can run code of the user.
        let waker = cx.waker().clone();
        let mut queue = self.reader.lock();
        let event = queue.events.pop_front().or_else(|| {
            let missed = std::mem::take(&mut queue.missed);
            (missed > 0).then_some(E::lagged(missed))
        });
        if event.is_some() || queue.is_closed {
            self.has_ended = event.is_none();
            return Poll::Ready(event);
        }
        let unused = queue.waker.replace(waker);
        drop(queue);
        drop(unused);
        Poll::Pending
    }
}

impl<E: Event> Stream for Events<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.poll(cx)
    }
}

impl<E: Event> FusedStream for Events<E> {
    fn is_terminated(&self) -> bool {
        self.has_ended
    }
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemberEvent;

    #[tokio::test]
    async fn a_reader_that_comes_after_the_end_is_told() {
        let hub = Hub::<MemberEvent>::default();
        let mut before = hub.subscribe();
        hub.close();
        assert_eq!((before.next().await, hub.subscribe().next().await), (None, None));
    }

    #[tokio::test]
    async fn what_happens_after_a_gap_is_not_told_before_it() {
        let hub = Hub::<MemberEvent>::default();
        let mut events = hub.subscribe();
        let added = |host: &str| MemberEvent::Added { host: host.into() };
        (0..=EVENTS_MAX).for_each(|_| hub.send(&added("early")));
        for _ in 0..EVENTS_MAX {
            assert_eq!(events.next().await, Some(added("early")));
            hub.send(&added("late"));
        }
        let missed = EVENTS_MAX as u64 + 1;
        assert_eq!(events.next().await, Some(MemberEvent::Lagged { missed }));
        hub.send(&added("now"));
        assert_eq!(events.next().await, Some(added("now")));
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_much_it_has_missed() {
        let hub = Hub::<MemberEvent>::default();
        let mut events = hub.subscribe();
        let added = |host: String| MemberEvent::Added { host: host.into() };
        (0..EVENTS_MAX + 10).for_each(|number| hub.send(&added(number.to_string())));
        for number in 0..EVENTS_MAX {
            assert_eq!(events.next().await, Some(added(number.to_string())));
        }
        assert_eq!(events.next().await, Some(MemberEvent::Lagged { missed: 10 }));
        hub.send(&added("again".into()));
        hub.close();
        assert_eq!(events.next().await, Some(added("again".into())));
        assert_eq!(events.next().await, None);
    }

    #[tokio::test]
    async fn readers_that_are_gone_take_no_memory() {
        let hub = Hub::<MemberEvent>::default();
        (0..1000).for_each(|_| drop(hub.subscribe()));
        let _last = hub.subscribe();
        assert!(hub.lock().all.len() <= 2);
    }
}
