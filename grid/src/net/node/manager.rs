//! [`Manager`]: one node and its links to all other nodes. See builder.rs for how it is started.

use std::io;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::accept;
use super::closing::CLOSE_TIMEOUT;
#[cfg(feature = "http")]
use super::http_service::HttpService;
use super::known::Known;
use super::life::driven;
use super::links;
use super::listen::{Accepted, Listen};
use super::members::Members;
use super::shared::Node;
use crate::descriptor::{Registered, ServiceDescriptor};
use crate::error::{LinkError, RemoteError, did_you_mean};
use crate::net::call::abort::AbortOnDrop;
use crate::net::call::connection::Connection;
use crate::net::call::context::Context;
use crate::net::call::intercept::Chain;
#[cfg(feature = "metrics")]
use crate::net::catch::catch;
use crate::net::catch::log;
use crate::net::drive::session;
use crate::net::link::peer::CONFIRMATION_TIMEOUT;
use crate::net::link::state::Instance;
use crate::net::link::state::State;
use crate::net::link::stats::{ConnectionStats, Stats};
use crate::net::link::streams::StreamInFlight;
use crate::net::notice::hub::Events;
use crate::net::notice::warning::Warning;
use crate::net::transport::Io;

/// One node of a grid: it serves its handlers, and holds one link to each other node.
///
/// Cheap to clone. When the last clone is dropped, all links end; [`shutdown`](Self::shutdown) lets running calls
/// finish first. The future of [`serve`](Self::serve) does not count as a clone. A service must not hold a clone of its
/// own node, which would never be dropped then: its handlers call other nodes with
/// [`Context::connection`](crate::Context::connection).
///
/// # Runtimes
///
/// The links run on the tokio runtime in which the node was built, and nothing happens on them unless that runtime runs.
/// When it ends, all calls fail with [`LinkError::RuntimeGone`], at once and also with `wait_connected`. So a node in a
/// `static` cannot be shared by several `#[tokio::test]`s: each test has a runtime of its own, which ends with the test.
///
/// A current-thread runtime runs only while some thread is inside its `block_on`. If it pauses for longer than twice
/// [`Config::ping_interval`](crate::Config::ping_interval), the peers close the connections, because their pings are not
/// answered. The node notices this when the runtime runs again. A call that is made at that moment may be sent into the
/// old connection, and then fails with [`Sent::Maybe`](crate::Sent::Maybe).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let name = format!("http://{}", listener.local_addr()?);
/// let manager = grid::Manager::builder(&name)
///     .hosts([&name, "http://127.0.0.1:9"])
///     .token(grid::SharedSecret::new("correct horse"))
///     .build()?;
/// tokio::spawn(manager.serve(listener));
/// assert_eq!(manager.hosts().count(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Manager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: Arc<Node>,
    /// The task of the node's link to itself.
    loopback: AbortHandle,
}

impl Manager {
    /// Starts the task of each link of a node.
    pub(super) fn start(node: Arc<Node>, hosts: &[String]) -> Self {
        let own = &node.loopback.peer;
        own.introduce(&node.neighbours);
        node.neighbours.add(&own.name, own);
        session::start_loopback(own);
        let loopback = session::run_loopback(node.loopback.clone());
        let loopback = tokio::spawn(driven(Arc::clone(own), loopback)).abort_handle();
        if let Some(security) = node.security.clone() {
            let over = node.over.clone();
            node.runtime.spawn(async move {
                tokio::select! {
                    biased;
                    () = over.wait() => {}
                    () = security.watch() => {}
                }
            });
        }
        for host in hosts.iter().filter(|host| **host != *node.name) {
            let known = node.new_member(host);
            node.neighbours.add(known.name(), &known.endpoint.peer);
            node.peers.insert(known);
        }
        // When all are known: a handler may call any of them.
        node.peers.members().iter().for_each(|known| links::start(&node, known));
        Self { inner: Arc::new(Inner { node, loopback }) }
    }

    /// Returns a handle to the host list, which can change while the node runs.
    pub fn members(&self) -> Members {
        Members { node: Arc::clone(&self.inner.node) }
    }

    /// The name of this node.
    pub fn name(&self) -> &str {
        &self.inner.node.name
    }

    /// The names of all nodes on the list now, including this one, in no particular order.
    pub fn hosts(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        let node = &self.inner.node;
        let members = node.peers.members();
        members.into_iter().map(|known| Arc::clone(known.name())).chain([Arc::clone(&node.name)])
    }

    /// The services of this node, in the order in which they were added. Handlers at the byte level are not listed.
    ///
    /// ```
    /// # #[grid::service]
    /// # trait Clock { async fn now(&self) -> u64; }
    /// # struct Fixed;
    /// # impl Clock for Fixed { async fn now(&self) -> u64 { 42 } }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), grid::BuildError> {
    /// let node = grid::Manager::builder("http://node1:9000").service(ClockServer::new(Fixed)).build()?;
    /// for service in node.services() {
    ///     for method in service.descriptor.methods() {
    ///         println!("{:#010x} {}/{}", method.id().get(), method.service(), method.name());
    ///     }
    /// }
    /// # assert_eq!(node.services().len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn services(&self) -> &[Registered] {
        self.inner.node.registry.services()
    }

    /// Returns a connection to another node, or to this one.
    ///
    /// # Errors
    /// [`UnknownHost`] if the name is not one of [`hosts`](Self::hosts).
    pub fn connection(&self, host: &str) -> Result<Connection, UnknownHost> {
        let node = &self.inner.node;
        if host == &*node.name {
            return Ok(node.loopback.connection());
        }
        let known = node.peers.get(host).ok_or_else(|| UnknownHost {
            host: host.to_owned(),
            local: node.name.to_string(),
            nearest: node.nearest(host),
        });
        Ok(known?.endpoint.connection())
    }

    /// Returns connections to all other nodes on the list now, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = Connection> + use<> {
        let members = self.inner.node.peers.members();
        members.into_iter().map(|known| known.endpoint.connection())
    }

    /// Returns connections to the guests that are connected now, in no particular order. See
    /// [`Builder::guests`](crate::Builder::guests).
    pub fn guests(&self) -> Vec<Connection> {
        let guests = self.inner.node.guests.all();
        guests.iter().map(|known| known.endpoint.connection()).collect()
    }

    /// Accepts the connections of other nodes on `listener`, until the node is shut down or its last clone is dropped.
    ///
    /// The future does not borrow the manager and does not keep the node alive, so it can be spawned:
    /// `tokio::spawn(manager.serve(listener))`. With `async move { manager.serve(listener).await }` the task would own a
    /// clone, which keeps the node alive.
    ///
    /// A connection that fails or is refused is logged, once a minute for each peer or source address and each reason. One
    /// that sends nothing, or an HTTP request that no node sends, is taken for a health check and not logged. None affects
    /// other connections. At most 1024 connections can be in their handshake, and 128 from one address; beyond
    /// that, a new connection is accepted and the oldest one that has not authenticated is closed.
    ///
    /// # TLS
    ///
    /// If the name of the node begins with `https://` and `Builder::tls` (feature `tls`) has given it a certificate to listen
    /// with, the streams of a `TcpListener` begin with a TLS handshake, and connections without TLS are refused. A node without
    /// such a certificate expects that something in front of it has ended TLS, a proxy for example. The field `tls` of the
    /// line `accepting connections` says which.
    ///
    /// # Errors
    /// An error if the listener cannot be used.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting. Links that are up stay up.
    pub fn serve<L: Listen>(
        &self,
        listener: L,
    ) -> impl Future<Output = io::Result<()>> + Send + use<L> {
        let node = Arc::clone(&self.inner.node);
        let over = node.over.clone();
        async move {
            let address = listener.local_addr()?;
            let tls = node.tls_of_listener().is_some();
            log!(info, local = %node.name, address, tls, "accepting connections");
            tokio::select! {
                biased;
                () = over.wait() => {}
                () = accept::serve(node, listener) => {}
            }
            Ok(())
        }
    }

    /// Accepts the connections of other nodes from an HTTP server, such as axum or hyper, which serves other routes as well.
    /// Used instead of [`serve`](Self::serve), or beside it.
    ///
    /// The service does not keep the node alive, and answers 503 after the node was shut down or dropped.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn http_service(&self) -> HttpService {
        HttpService::new(Arc::clone(&self.inner.node))
    }

    /// Accepts one byte stream that another node has opened, after the TLS handshake if there is one: the node performs none.
    ///
    /// # Errors
    /// [`Refused`] with the reason, if the stream is not accepted.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn accept(&self, stream: impl Io + 'static) -> Result<(), Refused> {
        self.accept_from(Accepted::new(stream)).await
    }

    /// Like [`accept`](Self::accept), for a stream with a known address.
    ///
    /// # Errors
    /// [`Refused`] with the reason, if the stream is not accepted.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn accept_from(&self, accepted: Accepted) -> Result<(), Refused> {
        let node = Arc::clone(&self.inner.node);
        // In a task of the runtime, where the user's authenticator may block.
        let task = tokio::spawn(async move { accept::accept(&node, accepted).await });
        let _abort = AbortOnDrop(task.abort_handle());
        let refused = match task.await {
            Ok(accepted) => accepted.err().map(|refusal| refusal.reason),
            Err(_) => Some(LinkError::RuntimeGone),
        };
        refused.map_or(Ok(()), |reason| Err(Refused { reason: Arc::new(reason) }))
    }

    /// Returns the statistics of all links.
    pub fn stats(&self) -> Stats {
        let node = &self.inner.node;
        let members = node.peers.members();
        let of = |known: &Arc<Known>| {
            let downs = known.log.downs();
            ConnectionStats { downs, ..ConnectionStats::of(&known.endpoint.peer) }
        };
        let mut connections: Vec<_> = members.iter().map(of).collect();
        connections.sort_by(|one, other| one.peer.cmp(&other.peer));
        Stats {
            connections,
            loopback: ConnectionStats::of(&node.loopback.peer),
            guests: node.guests.all().len(),
            refused: node.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Returns the streams of all links that have not ended, at most this many and the most urgent first, without those of one
    /// service.
    pub(crate) fn streams(
        &self,
        at_most: usize,
        without: &ServiceDescriptor,
    ) -> Vec<StreamInFlight> {
        let mut streams = Vec::new();
        for link in self.inner.node.links() {
            streams.extend(StreamInFlight::of(&link, at_most, without));
            StreamInFlight::trim(&mut streams, at_most);
        }
        streams
    }

    /// Returns a stream of what somebody should look at, from now on: handlers that block their threads, streams whose readers
    /// take no items, nodes that differ. The same is logged, at the level `warn`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = grid::Manager::builder("http://node1:9000").build()?;
    /// let mut warnings = node.warnings();
    /// tokio::spawn(async move {
    ///     while let Some(warning) = warnings.next().await {
    ///         eprintln!("{}: {warning}", warning.label());
    ///     }
    /// });
    /// # Ok(()) }
    /// ```
    pub fn warnings(&self) -> Events<Warning> {
        self.inner.node.registry.warnings().subscribe()
    }

    /// Calls `sample` with the statistics of the node at these intervals, in a task that ends when the node is shut down or
    /// dropped.
    #[cfg(feature = "metrics")]
    pub(crate) fn sample(&self, every: Duration, mut sample: impl FnMut(&Stats) + Send + 'static) {
        let inner = Arc::downgrade(&self.inner);
        let over = self.inner.node.over.clone();
        self.inner.node.runtime.spawn(async move {
            while let Some(inner) = inner.upgrade() {
                let manager = Self { inner };
                // What it calls is the user's.
                catch("a recorder of metrics", || sample(&manager.stats()));
                drop(manager);
                tokio::select! {
                    biased;
                    () = over.wait() => break,
                    () = tokio::time::sleep(every) => {}
                }
            }
        });
    }

    /// Finishes running calls for up to `grace`, then closes all links.
    ///
    /// 1. The other nodes are told, and show [`State::Draining`]: their new calls fail with
    ///    [`ErrorCode::ShuttingDown`](crate::ErrorCode::ShuttingDown), there or here, and can be retried. While
    ///    handlers run, this node can still make calls, to other nodes and to itself: handlers may need them to finish.
    /// 2. When no handler runs any more, new calls of this node fail with [`CallError::ShutDown`](crate::CallError::ShutDown),
    ///    and the running ones are finished.
    /// 3. The links are closed. Calls that still run after `grace` fail.
    ///
    /// This node cannot tell the calls of its handlers from other calls, so step 1 lasts until the end of `grace` if it
    /// always serves a call of its own. A task that calls its own node in a loop should stop before.
    ///
    /// No call is lost between two nodes that know the extension `drain`: a node is told before, and confirms that none of its
    /// calls is on the way. A call of a node of the base protocol that arrives too late fails with
    /// [`Sent::Maybe`](crate::Sent::Maybe).
    ///
    /// Answers are written before a connection is closed, and the peers are told that this node is shutting down. A peer
    /// that does not close its side within a second is cut. Dropping the last clone instead ends running calls at once;
    /// the peers are told as well, if the runtime still runs.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, the links stay up, new calls of other nodes are still refused, and so are
    /// those of this node if step 2 had begun.
    pub async fn shutdown(&self, grace: Duration) {
        let node = &self.inner.node;
        // The list does not change any more.
        *node.changing.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let links = node.links();
        for peer in &links {
            // The link of the node to itself carries the calls that handlers make.
            let refuse_peer = !Arc::ptr_eq(peer, &node.loopback.peer);
            peer.link(|link| link.finish(refuse_peer));
        }
        let _ = tokio::time::timeout(grace, async {
            // The link of the node to itself is the last one: handlers of calls over the other links may still use it.
            for peer in &links {
                peer.finished().await;
            }
            // Each peer has had the same time to confirm that no call of it is on its way.
            let _ = tokio::time::timeout(CONFIRMATION_TIMEOUT, async {
                for peer in &links {
                    peer.quiet().await;
                }
            })
            .await;
            for peer in &links {
                peer.link(|link| link.close());
            }
            for peer in &links {
                peer.drained().await;
            }
        })
        .await;
        self.inner.end();
        // A task that does not end in time is blocked by the user's code.
        let _ = tokio::time::timeout(2 * CLOSE_TIMEOUT, node.alive.closed()).await;
        self.inner.abort();
    }
}

/// What the service of operators tells.
impl Manager {
    /// Identifies this run of the node.
    pub(crate) fn instance(&self) -> Instance {
        self.inner.node.instance
    }

    /// The extensions of the protocol that this node offers.
    pub(crate) fn extensions(&self) -> Vec<String> {
        self.inner.node.features.names()
    }

    /// When the node was built.
    pub(crate) fn started(&self) -> Instant {
        self.inner.node.started
    }

    /// What the clock of the node shows.
    pub(crate) fn time_of_day(&self) -> SystemTime {
        self.inner.node.clock.now()
    }

    /// Runs a task on the runtime of the node.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.node.runtime.spawn(task);
    }

    pub(crate) fn downgrade(&self) -> WeakManager {
        WeakManager(Arc::downgrade(&self.inner))
    }
}

/// What a network of tests needs.
#[cfg(feature = "testing")]
impl Manager {
    /// Ends the node as [`shutdown`](Self::shutdown) without grace does, and does not wait for its connections to be closed.
    pub(crate) fn kill(&self) {
        self.inner.end();
        self.inner.abort();
    }
}

/// A node that is not kept alive.
#[derive(Debug, Clone)]
pub(crate) struct WeakManager(Weak<Inner>);

impl WeakManager {
    pub(crate) fn upgrade(&self) -> Option<Manager> {
        Some(Manager { inner: self.0.upgrade()? })
    }
}

impl Inner {
    /// Ends all links and calls. The tasks of the links close their connections and end by themselves.
    fn end(&self) {
        let node = &self.node;
        *node.changing.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let reason = Arc::new(LinkError::ShutDown);
        for peer in node.links() {
            peer.link(|link| link.close());
            session::stop(&peer, &reason);
            peer.show(State::Shutdown);
        }
        node.over.set();
        node.events.close();
        node.registry.warnings().close();
        // The link of the node to itself has no connection that is to be closed.
        self.loopback.abort();
    }

    fn abort(&self) {
        self.node.all().iter().for_each(|known| known.abort());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

// Here and not beside `Context`, because `UnknownHost` is an error of this layer.
impl Context {
    /// Returns a connection to the caller, a node or a guest, over the link over which the call has arrived: with it, a
    /// handler calls back. Like that of [`connection`](Self::connection), it inherits nothing of the call by itself.
    pub fn caller(&self) -> Connection {
        Connection::new(Arc::clone(self.link()), Chain::of(self))
    }

    /// Returns a connection of this node to another one, or to itself: with it, a handler calls other nodes.
    ///
    /// Calls made [`within`](crate::RawCall::within) the context inherit its deadline and its trace; others inherit nothing,
    /// because a handler may start work that outlives its caller. [`caller`](Self::caller) calls back the node that makes
    /// the call. Neither keeps the node alive.
    ///
    /// ```
    /// use grid::{Context, RemoteError};
    ///
    /// #[grid::service]
    /// trait Cache {
    ///     async fn get(&self, cx: &Context, key: String) -> Result<String, RemoteError>;
    /// }
    ///
    /// /// Asks the node that has all keys.
    /// struct Forward {
    ///     to: String,
    /// }
    ///
    /// impl Cache for Forward {
    ///     async fn get(&self, cx: &Context, key: String) -> Result<String, RemoteError> {
    ///         let cache = CacheClient::of(cx, &self.to)?; // or `cx.connection(&self.to)?`
    ///         Ok(cache.get(key).within(cx).await?)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`UnknownHost`] if the name is not one of the node's [`hosts`](Manager::hosts), or if the node has been dropped and
    /// this is a clone of a context. A service that runs without a node, `in_process` or in a [`Mock`](crate::Mock), can
    /// call only itself.
    pub fn connection(&self, host: &str) -> Result<Connection, UnknownHost> {
        let link = self.link();
        let connection = |peer| Connection::new(peer, Chain::of(self));
        link.neighbour(host).map(connection).ok_or_else(|| UnknownHost {
            nearest: link.nearest_neighbour(host),
            host: host.to_owned(),
            local: self.local().to_owned(),
        })
    }
}

/// The host is not in this grid's host list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is not in the host list of {local}{}", did_you_mean(.nearest.as_deref()))]
#[non_exhaustive]
pub struct UnknownHost {
    /// The unknown name.
    pub host: String,
    /// The name of this node.
    pub local: String,
    /// The most similar name in the list, if one is similar.
    pub nearest: Option<String>,
}

/// For handlers that call other nodes.
impl From<UnknownHost> for RemoteError {
    fn from(error: UnknownHost) -> Self {
        Self::new(error.to_string())
    }
}

/// A byte stream was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused a connection: {}", reason.full_text())]
#[non_exhaustive]
pub struct Refused {
    /// Why it was not accepted.
    pub reason: Arc<LinkError>,
}
