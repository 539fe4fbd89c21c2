//! [`Connection`]: the handle by which this node calls another one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::CodecError;
use crate::net::call::raw::{RawCall, RawOpening};
use crate::net::drive::session;
use crate::net::link::peer::Peer;
use crate::net::link::state::State;
use crate::net::link::stats::ConnectionStats;
use crate::net::serve::registry::Registry;
use crate::proto::wire::{HandlerId, SubrouteHash, SubrouteId, join};
use crate::proto::{Capacities, Limits};

/// A way to call another node, or this one.
///
/// Cheap to clone; all clones share the one link to the peer. It exists whether or not the link is up: see
/// [`state`](Self::state).
#[derive(Debug, Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    peer: Arc<Peer>,
    subroute: Option<Subroute>,
    keep: Option<Arc<Keep>>,
}

#[derive(Debug)]
struct Subroute {
    path: String,
    hash: SubrouteHash,
}

/// Ends a link that belongs to its handles alone, when the last of them is gone.
#[derive(Debug)]
pub(in crate::net) struct Keep(AbortHandle);

impl Drop for Keep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(in crate::net) fn new(peer: Arc<Peer>) -> Self {
        Self { inner: Arc::new(Inner { peer, subroute: None, keep: None }) }
    }

    /// A link of this process to itself, with these handlers. It ends with its last handle.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn in_process(registry: Registry) -> Self {
        let name: Arc<str> = "in-process".into();
        let peer = Peer::new(Arc::clone(&name), name, Limits::default(), Arc::new(registry));
        let task = tokio::spawn(session::run_loopback(Arc::clone(&peer)));
        // Calls may be made before the task first runs.
        session::start_loopback(&peer);
        Self {
            inner: Arc::new(Inner {
                peer,
                subroute: None,
                keep: Some(Arc::new(Keep(task.abort_handle()))),
            }),
        }
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        &self.inner.peer.name
    }

    /// The same link, with calls going to the handlers that are registered under `path`.
    ///
    /// Subroutes nest: `connection.subroute("a").subroute("b")` is the subroute `a/b`, and `""` is where one is.
    pub fn subroute(&self, path: &str) -> Self {
        if path.is_empty() {
            return self.clone();
        }
        let path = match &self.inner.subroute {
            Some(parent) => join(&parent.path, path),
            None => path.to_owned(),
        };
        let subroute = Some(Subroute { hash: SubrouteHash::of(&path), path });
        let Inner { peer, keep, .. } = &*self.inner;
        Self { inner: Arc::new(Inner { peer: Arc::clone(peer), subroute, keep: keep.clone() }) }
    }

    /// What the link is doing now.
    pub fn state(&self) -> State {
        self.inner.peer.state.borrow().clone()
    }

    /// A watch of the link's states.
    pub fn states(&self) -> watch::Receiver<State> {
        self.inner.peer.state.subscribe()
    }

    /// Waits until calls go through.
    ///
    /// # Errors
    /// [`NotConnected`] with the last reason, when that takes longer than `timeout` or the node is shut down.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn wait_connected(&self, timeout: Duration) -> Result<(), NotConnected> {
        let mut states = self.states();
        let up = states.wait_for(|state| state.is_connected() || *state == State::Shutdown);
        let state = match tokio::time::timeout(timeout, up).await {
            Ok(Ok(state)) if state.is_connected() => return Ok(()),
            Ok(_) => State::Shutdown,
            Err(_) => self.state(),
        };
        Err(NotConnected { peer: Arc::clone(&self.inner.peer.name), state })
    }

    /// Figures of this link.
    pub fn stats(&self) -> ConnectionStats {
        ConnectionStats::of(&self.inner.peer)
    }

    /// A single request at the byte level: `payload` goes to the handler as it is, `None` as no payload at all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let manager = grid::Manager::builder("http://127.0.0.1:7001")
    ///     .single_handler(78, None, |_cx, payload| async move { Ok(payload) })
    ///     .build()?;
    /// let echo = manager.connection("http://127.0.0.1:7001")?;
    /// assert_eq!(echo.request(78, Some("hello".into())).await?, Some("hello".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, handler: impl Into<HandlerId>, payload: Option<Bytes>) -> RawCall {
        self.call(handler.into(), Ok(payload), None)
    }

    /// Opens a stream at the byte level. The capacities must be those that the handler was registered with.
    pub fn stream(
        &self,
        handler: impl Into<HandlerId>,
        capacities: Capacities,
        payload: Option<Bytes>,
    ) -> RawOpening {
        self.open(handler.into(), capacities, Ok(payload), None)
    }

    pub(crate) fn call(
        &self,
        handler: HandlerId,
        payload: Result<Option<Bytes>, CodecError>,
        timeout: Option<Duration>,
    ) -> RawCall {
        RawCall::new(self.clone(), handler, payload, timeout)
    }

    pub(crate) fn open(
        &self,
        handler: HandlerId,
        capacities: Capacities,
        payload: Result<Option<Bytes>, CodecError>,
        timeout: Option<Duration>,
    ) -> RawOpening {
        RawOpening::new(self.clone(), handler, capacities, payload, timeout)
    }

    pub(in crate::net) fn link(&self) -> &Arc<Peer> {
        &self.inner.peer
    }

    pub(in crate::net) fn keep(&self) -> Option<Arc<Keep>> {
        self.inner.keep.clone()
    }

    pub(in crate::net) fn subroute_id(&self, handler: HandlerId) -> Option<SubrouteId> {
        self.inner.subroute.as_ref().map(|subroute| subroute.hash.for_handler(handler))
    }
}

/// What a state adds to "no connection".
fn why(state: &State) -> String {
    match state {
        State::Error(reason) => format!(": {reason}"),
        State::Unconnected => ": it has not dialed this node".to_owned(),
        State::Connecting => ": it does not answer".to_owned(),
        State::Connected { .. } => String::new(),
        State::Shutdown => ": this node is shut down".to_owned(),
    }
}

/// There was no connection in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no connection to {peer}{}", why(state))]
#[non_exhaustive]
pub struct NotConnected {
    /// Name of the peer.
    pub peer: Arc<str>,
    /// The last state, with its reason.
    pub state: State,
}
