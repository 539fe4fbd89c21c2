//! [`MemberEvents`]: what happens to the members of a grid, for programs that react to it.
//!
//! Each reader has a queue of its own, which is bounded: a reader that is too slow loses events, and is told how many.
//! Its waker is the user's, so it is woken outside of all locks, and its panic is caught.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::{FusedStream, Stream};

use crate::error::LinkError;
use crate::net::catch::catch;
use crate::net::link::state::Instance;

/// Events that wait for one reader. As many as a change of a list of a hundred nodes causes.
const EVENTS_MAX: usize = 256;

/// What has happened to a member of the grid, from [`Members::events`](crate::Members::events).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberEvent {
    /// The node was added to the host list.
    #[non_exhaustive]
    Added {
        /// Its name.
        host: Arc<str>,
    },
    /// The link to the node is up.
    #[non_exhaustive]
    Up {
        /// Its name.
        host: Arc<str>,
        /// Identifies the run of the node. It changes when the node is restarted.
        instance: Instance,
    },
    /// The node takes no new calls: it shuts down, or it was removed from the host list and its running calls may finish.
    #[non_exhaustive]
    Draining {
        /// Its name.
        host: Arc<str>,
    },
    /// The link to the node has ended.
    #[non_exhaustive]
    Down {
        /// Its name.
        host: Arc<str>,
        /// Why it has ended.
        reason: Arc<LinkError>,
    },
    /// The node was removed from the host list, its link has ended, and nothing of it is left.
    #[non_exhaustive]
    Removed {
        /// Its name.
        host: Arc<str>,
    },
    /// The reader was too slow, and events were dropped. [`Members::list`](crate::Members::list) and
    /// [`Connection::state`](crate::Connection::state) say what is now.
    #[non_exhaustive]
    Lagged {
        /// How many events were dropped.
        missed: u64,
    },
}

/// Passes events to all readers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Hub(Arc<Mutex<Readers>>);

#[derive(Debug, Default)]
struct Readers {
    all: Vec<Weak<Reader>>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Reader(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<MemberEvent>,
    missed: u64,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Hub {
    /// Returns a reader of all events from now on.
    pub(super) fn subscribe(&self) -> MemberEvents {
        let reader = Arc::<Reader>::default();
        let mut readers = self.lock();
        readers.all.retain(|reader| reader.strong_count() > 0);
        readers.all.push(Arc::downgrade(&reader));
        MemberEvents { reader, has_ended: readers.is_closed }
    }

    pub(super) fn send(&self, event: &MemberEvent) {
        let readers = self.lock().all.clone();
        tell(readers, |queue| match queue.missed > 0 || queue.events.len() == EVENTS_MAX {
            // Later ones as well, until the reader knows of the gap: they come after it.
            true => queue.missed += 1,
            false => queue.events.push_back(event.clone()),
        });
    }

    /// Ends the streams of all readers, after the events that they have not read.
    pub(super) fn close(&self) {
        let mut readers = self.lock();
        readers.is_closed = true;
        let all = std::mem::take(&mut readers.all);
        drop(readers);
        tell(all, |queue| queue.is_closed = true);
    }

    fn lock(&self) -> MutexGuard<'_, Readers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes the queue of each reader, and wakes it.
fn tell(readers: Vec<Weak<Reader>>, act: impl Fn(&mut Queue)) {
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

impl Reader {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of all members, from [`Members::events`](crate::Members::events).
///
/// A [`Stream`], which ends when the node is shut down. At most 256 events wait for a reader; when more happen, it
/// receives [`MemberEvent::Lagged`] after those.
pub struct MemberEvents {
    reader: Arc<Reader>,
    has_ended: bool,
}

impl MemberEvents {
    /// Returns the next event, like the stream; `None` when the node is shut down.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<MemberEvent> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<MemberEvent>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        // Cloned before and dropped after the lock is held: both can run code of the user.
        let waker = cx.waker().clone();
        let mut queue = self.reader.lock();
        let event = queue.events.pop_front().or_else(|| {
            let missed = std::mem::take(&mut queue.missed);
            (missed > 0).then_some(MemberEvent::Lagged { missed })
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

impl Stream for MemberEvents {
    type Item = MemberEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<MemberEvent>> {
        self.poll(cx)
    }
}

impl FusedStream for MemberEvents {
    fn is_terminated(&self) -> bool {
        self.has_ended
    }
}

impl fmt::Debug for MemberEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberEvents").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_comes_after_the_end_is_told() {
        let hub = Hub::default();
        let mut before = hub.subscribe();
        hub.close();
        assert_eq!((before.next().await, hub.subscribe().next().await), (None, None));
    }

    #[tokio::test]
    async fn what_happens_after_a_gap_is_not_told_before_it() {
        let hub = Hub::default();
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
        let hub = Hub::default();
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
        let hub = Hub::default();
        (0..1000).for_each(|_| drop(hub.subscribe()));
        let _last = hub.subscribe();
        assert!(hub.lock().all.len() <= 2);
    }
}
