//! [`States`]: a stream of the states of a connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::peer::{Peer, Watch, Watched};
use super::state::State;
use super::waker_set::Place;

/// The states of the connection to one peer, from [`Connection::states`](crate::Connection::states).
///
/// As a [`Stream`] it yields the current state first, then the latest state after each change. A slow reader misses
/// intermediate states. It ends after [`State::Shutdown`] and [`State::Removed`].
///
/// ```
/// # use grid::{Manager, State};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::builder("http://127.0.0.1:7001").build()?;
/// let mut states = manager.connection("http://127.0.0.1:7001")?.states();
/// assert!(states.next().await.is_some_and(|state| state.is_connected()));
/// manager.shutdown(std::time::Duration::ZERO).await;
/// assert_eq!(states.next().await, Some(State::Shutdown));
/// assert_eq!(states.next().await, None);
/// # Ok(())
/// # }
/// ```
pub struct States {
    peer: Arc<Peer>,
    /// Number of the last change that was yielded; 0 before the first.
    seen: u64,
    ended: bool,
    place: Option<Place>,
}

impl States {
    pub(in crate::net) fn new(peer: Arc<Peer>) -> Self {
        Self { peer, seen: 0, ended: false, place: None }
    }

    /// Returns the current state, whether or not it has been yielded.
    pub fn current(&self) -> State {
        self.peer.state()
    }

    /// Returns the next state, like the stream; `None` after [`State::Shutdown`] or
    /// [`State::Removed`].
    ///
    /// # Cancel safety
    /// Cancel safe: a state counts as yielded only when the future is ready.
    pub async fn next(&mut self) -> Option<State> {
        std::future::poll_fn(|cx| self.poll_state(cx)).await
    }

    /// Waits until `accepts` returns `true` for the state, and returns that state. Returns at once if it does so for
    /// the current state, and `None` if the node is shut down first, or the peer is removed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for(&self, mut accepts: impl FnMut(&State) -> bool) -> Option<State> {
        let mut watch = Watch::new(&self.peer, Watched::State);
        let mut seen = 0;
        loop {
            // The user's closure must not run under the lock, so the state is copied out.
            let (state, version) = watch.until(|shared| newer(shared.state(), seen)).await;
            seen = version;
            if accepts(&state) {
                return Some(state);
            }
            if state.is_last() {
                return None;
            }
        }
    }

    fn poll_state(&mut self, cx: &Context<'_>) -> Poll<Option<State>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Self { peer, seen, place, .. } = self;
        let look = |shared: &super::peer::Shared| newer(shared.state(), *seen);
        peer.poll_watched(Watched::State, place, cx, look).map(|(state, version)| {
            self.seen = version;
            self.ended = state.is_last();
            Some(state)
        })
    }
}

fn newer((state, version): (&State, u64), seen: u64) -> Option<(State, u64)> {
    (version != seen).then(|| (state.clone(), version))
}

impl Stream for States {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<State>> {
        self.poll_state(cx)
    }
}

impl FusedStream for States {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl Drop for States {
    fn drop(&mut self) {
        self.peer.unwatch(Watched::State, self.place);
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("peer", &self.peer.name).finish_non_exhaustive()
    }
}
