//! [`Connection`]: a handle to call another node.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::abort::AbortOnDrop;
use super::intercept::Chain;
use super::metadata::Metadata;
use super::method::MethodName;
use super::raw::{RawCall, RawOpening};
use super::retry::policy::{Hedge, Retry};
use super::start::Target;
use crate::descriptor::ServiceDescriptor;
use crate::error::{CodecError, LinkError};
use crate::net::link::peer::Peer;
use crate::net::link::state::State;
use crate::net::link::states::States;
use crate::net::link::stats::ConnectionStats;
use crate::proto::Body;
use crate::proto::Capacities;
use crate::proto::wire::{HandlerId, SubrouteHash, join};

/// A handle to call another node, or this one.
///
/// Cheap to clone; all clones share one link to the peer. A connection can be used whether or not the link is up; see
/// [`state`](Self::state).
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = grid::Manager::builder("http://node1:9000").service(CounterServer::new(Zero)).build()?;
/// let connection = node.connection("http://node1:9000")?;
/// let counter = CounterClient::new(connection.clone());
/// assert_eq!(counter.add(1).await?, 1);
/// assert_eq!(connection.stats().calls_out, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    peer: Arc<Peer>,
    subroute: Option<Subroute>,
    metadata: Metadata,
    keep: Option<Arc<AbortOnDrop>>,
    /// What the calls pass.
    chain: Chain,
    /// Of all single requests.
    retry: Option<Retry>,
}

#[derive(Debug, Clone)]
struct Subroute {
    path: String,
    hash: SubrouteHash,
}

impl Connection {
    pub(in crate::net) fn new(peer: Arc<Peer>, chain: Chain) -> Self {
        let metadata = Metadata::default();
        Self::of(Inner { peer, subroute: None, metadata, keep: None, chain, retry: None })
    }

    /// Creates a connection whose link ends when the last handle is dropped.
    pub(in crate::net) fn owning(peer: Arc<Peer>, link: AbortOnDrop) -> Self {
        let (metadata, keep, chain) = (Metadata::default(), Some(Arc::new(link)), Chain::default());
        Self::of(Inner { peer, subroute: None, metadata, keep, chain, retry: None })
    }

    fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        &self.inner.peer.name
    }

    /// Returns a connection over the same link, which calls the handlers registered under the subroute `path`.
    ///
    /// Subroutes nest: `connection.subroute("a").subroute("b")` is the subroute `a/b`. An empty path returns the same
    /// connection.
    pub fn subroute(&self, path: &str) -> Self {
        if path.is_empty() {
            return self.clone();
        }
        let path = match &self.inner.subroute {
            Some(parent) => join(&parent.path, path),
            None => path.to_owned(),
        };
        let subroute = Some(Subroute { hash: SubrouteHash::of(&path), path });
        Self::of(Inner { subroute, ..Inner::clone(&self.inner) })
    }

    /// Returns a connection over the same link, whose calls and streams all carry this value, as if each was made with
    /// [`metadata`](RawCall::metadata).
    ///
    /// It takes the place of an earlier value with the same key; [`metadata`](RawCall::metadata) of a call takes the place of
    /// it. Each call takes a copy of the keys, and shares the values.
    ///
    /// If the peer does not support metadata, or there is too much of it, the calls fail as with
    /// [`metadata`](RawCall::metadata).
    #[must_use]
    pub fn with_metadata(&self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        let metadata = self.inner.metadata.with(key.into(), value.into());
        Self::of(Inner { metadata, ..Inner::clone(&self.inner) })
    }

    /// Returns a connection over the same link, whose single requests are made again after a failure, as if each was made
    /// with [`retry`](crate::Call::retry). Streams are not.
    ///
    /// It takes the place of an earlier policy; [`retry`](crate::Call::retry) of a call takes the place of it. A policy with
    /// [one attempt](Retry::attempts) is none.
    #[must_use]
    pub fn with_retry(&self, policy: &Retry) -> Self {
        Self::of(Inner { retry: Some(policy.clone()), ..Inner::clone(&self.inner) })
    }

    /// Makes a call of another node here as well, if its answer is late.
    pub(crate) fn hedge(&self, mut call: RawCall, hedge: &Hedge) -> RawCall {
        let target = Target { method: call.method(), ..self.target(call.handler()) };
        call.set_hedge(hedge, target);
        call
    }

    /// The same call over this connection. It was made over `first`; a subroute that it has beyond that stays.
    pub(crate) fn again(&self, call: &RawCall, first: &Self) -> RawCall {
        call.at(self.target_like(call.target(), first))
    }

    /// The same stream over this connection, as [`again`](Self::again).
    pub(crate) fn open_again(&self, opening: &RawOpening, first: &Self) -> RawOpening {
        opening.at(self.target_like(opening.target(), first))
    }

    fn target_like(&self, made: &Target, first: &Self) -> Target {
        let own = self.target(made.handler);
        let is_plain = made.subroute == first.target(made.handler).subroute;
        let subroute = if is_plain { own.subroute } else { made.subroute };
        Target { method: made.method, idempotent: made.idempotent, subroute, ..own }
    }

    /// A client of this service was created. Generated code calls it, so that the service is compared with the peer's.
    #[doc(hidden)]
    #[must_use]
    pub fn __client_of(self, service: &'static ServiceDescriptor) -> Self {
        self.inner.peer.contracts.add_client(service);
        self
    }

    /// The state of the link.
    pub fn state(&self) -> State {
        self.inner.peer.state()
    }

    /// Returns a stream of the states of the link, which begins with the current state.
    pub fn states(&self) -> States {
        States::new(Arc::clone(&self.inner.peer))
    }

    /// Waits until the link is up.
    ///
    /// # Errors
    /// [`NotConnected`] with the last state, if the link is not up within `timeout`, this node is shut down, its runtime has
    /// ended, or the peer is removed from the host list. A failed attempt is not an error: the node dials again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_connected(&self, timeout: Duration) -> Result<(), NotConnected> {
        let states = self.states();
        let decided = states.wait_for(|state| state.is_connected() || is_final(state));
        let state = match tokio::time::timeout(timeout, decided).await {
            Ok(Some(state)) if state.is_connected() => return Ok(()),
            Ok(Some(state)) => state,
            Ok(None) | Err(_) => self.state(),
        };
        Err(NotConnected { peer: Arc::clone(&self.inner.peer.name), state })
    }

    /// Returns the statistics of this link.
    pub fn stats(&self) -> ConnectionStats {
        ConnectionStats::of(&self.inner.peer)
    }

    /// Makes a single request at the byte level. The handler receives `payload` unchanged; `None` means no payload.
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
        self.call(handler.into(), Ok(payload.map(Body::from)), None)
    }

    /// Opens a stream at the byte level, which takes at most `capacities.outgoing` messages ahead of its reader. `incoming` is 0
    /// for a handler without input. Towards a node of the base protocol, both must equal those of the handler.
    pub fn stream(
        &self,
        handler: impl Into<HandlerId>,
        capacities: Capacities,
        payload: Option<Bytes>,
    ) -> RawOpening {
        self.open(handler.into(), capacities, Ok(payload.map(Body::from)), None)
    }

    pub(crate) fn call(
        &self,
        handler: HandlerId,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> RawCall {
        let mut call = RawCall::new(self.target(handler), payload, timeout);
        self.inner.metadata.add_to(call.options_mut());
        match &self.inner.retry {
            Some(policy) => call.retry(policy),
            None => call,
        }
    }

    pub(crate) fn open(
        &self,
        handler: HandlerId,
        capacities: Capacities,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> RawOpening {
        let mut opening = RawOpening::new(self.target(handler), capacities, payload, timeout);
        self.inner.metadata.add_to(opening.options_mut());
        opening
    }

    fn target(&self, handler: HandlerId) -> Target {
        let Inner { peer, subroute, keep, chain, .. } = &*self.inner;
        Target {
            peer: Arc::clone(peer),
            handler,
            method: MethodName::Id(handler),
            subroute: subroute.as_ref().map(|subroute| subroute.hash.for_handler(handler)),
            keep: keep.clone(),
            chain: chain.clone(),
            idempotent: false,
        }
    }
}

/// Whether no connection can follow. The last states are final as well, and end the stream.
fn is_final(state: &State) -> bool {
    matches!(state, State::Error(reason) if matches!(**reason, LinkError::RuntimeGone))
}

/// The reason that the text of [`NotConnected`] adds for a state.
fn why(state: &State) -> String {
    match state {
        State::Error(reason) => format!(": {}", reason.explained()),
        State::Unconnected => ": the peer has not dialed this node".to_owned(),
        State::Connecting => ": still connecting".to_owned(),
        State::Connected { .. } => String::new(),
        State::Draining { .. } => ": no new calls until the peer has connected again".to_owned(),
        State::Removed => ": it was removed from the host list".to_owned(),
        State::Shutdown => ": this node is shut down".to_owned(),
    }
}

/// The link was not up in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no connection to {peer}{}", why(state))]
#[non_exhaustive]
pub struct NotConnected {
    /// Name of the peer.
    pub peer: Arc<str>,
    /// The last state, with its reason.
    pub state: State,
}
