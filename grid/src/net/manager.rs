//! [`Manager`]: one node, its links to all others, and the builder that starts it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::accept::{self, keep_accepting};
use super::connection::Connection;
use super::context::Context;
use super::dial::{Dial, Io, TcpDial, keep_dialing};
use super::driver;
use super::halves::{RawReceiver, RawSender};
use super::name::{Name, NameError};
use super::node::{Known, Node};
use super::peer::Peer;
use super::registry::{RawHandler, RegisterError, Registry};
use super::state::{Instance, State};
use super::stats::{ConnectionStats, Stats};
use crate::auth::{Authenticate, NoAuth};
use crate::config::Config;
use crate::descriptor::Registered;
use crate::error::{Fault, RemoteError};
use crate::proto::wire::HandlerId;
use crate::proto::{Capacities, Features, dials};

/// One node of a grid: it serves its handlers, and holds one link to each other node.
///
/// Cheap to clone. When the last clone is dropped, all links end; [`shutdown`](Self::shutdown) ends them gently. A service
/// that calls other nodes is made before its node is, so it needs a `OnceLock` for its [`Connection`]s. It should not
/// hold a clone of its own node: that one would never be dropped.
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
/// tokio::spawn({
///     let manager = manager.clone();
///     async move { manager.serve(listener).await }
/// });
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
    /// One task per link.
    tasks: Mutex<Vec<AbortHandle>>,
    over: watch::Sender<bool>,
}

impl Manager {
    /// Starts to describe a node with this name, a URL such as `http://node1:9000`.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }

    /// The name of this node.
    pub fn name(&self) -> &str {
        &self.inner.node.name
    }

    /// The names of all nodes, this one included, in no particular order.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.inner.node.links().map(|peer| &*peer.name)
    }

    /// The services of this node, in the order in which they were added. Handlers at the byte level are none.
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

    /// The way to another node, or to this one.
    ///
    /// # Errors
    /// [`UnknownHost`] if the name is none of [`hosts`](Self::hosts).
    pub fn connection(&self, host: &str) -> Result<Connection, UnknownHost> {
        let node = &self.inner.node;
        let peer = if host == &*node.name {
            &node.loopback
        } else {
            let known = node
                .peers
                .get(host)
                .ok_or_else(|| UnknownHost { host: host.to_owned(), local: node.name.to_string() });
            &known?.peer
        };
        Ok(Connection::new(Arc::clone(peer)))
    }

    /// The ways to all other nodes, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        self.inner.node.peers.values().map(|known| Connection::new(Arc::clone(&known.peer)))
    }

    /// Accepts the connections of other nodes on `listener`, until the node is shut down.
    ///
    /// Errors of single connections are logged, and end only these.
    ///
    /// # Errors
    /// Only at the start, when the listener is of no use.
    ///
    /// # Cancel safety
    /// Dropped, it stops accepting; links that are up stay up.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        listener.local_addr()?;
        let mut over = self.inner.over.subscribe();
        tokio::select! {
            () = accept::serve(Arc::clone(&self.inner.node), listener) => {}
            _ = over.wait_for(|over| *over) => {}
        }
        Ok(())
    }

    /// Takes one byte stream that another node has opened, with TLS already taken off if there was any.
    ///
    /// # Errors
    /// [`Refused`] with the reason, when no link came of it.
    ///
    /// # Cancel safety
    /// Dropped, it closes the stream.
    pub async fn accept(&self, stream: impl Io + 'static) -> Result<(), Refused> {
        accept::accept(&self.inner.node, Box::new(stream)).await.map_err(Refused)
    }

    /// Figures about all links.
    pub fn stats(&self) -> Stats {
        let node = &self.inner.node;
        let mut connections: Vec<_> =
            node.peers.values().map(|known| ConnectionStats::of(&known.peer)).collect();
        connections.sort_by(|one, other| one.peer.cmp(&other.peer));
        Stats { connections, loopback: ConnectionStats::of(&node.loopback) }
    }

    /// Refuses new calls at once, lets running ones end for as long as `grace`, then closes all links.
    ///
    /// # Cancel safety
    /// Dropped while it waits, new calls stay refused and the links stay up.
    pub async fn shutdown(&self, grace: Duration) {
        let links: Vec<_> = self.inner.node.links().cloned().collect();
        for peer in &links {
            peer.with(|shared| shared.link.close());
        }
        // Whoever is not done by then is cut off.
        let _ = tokio::time::timeout(grace, async {
            for peer in &links {
                peer.drained().await;
            }
        })
        .await;
        self.inner.end();
    }
}

impl Inner {
    fn end(&self) {
        self.over.send_replace(true);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
        drop(tasks);
        for peer in self.node.links() {
            peer.lock().link.close();
            driver::take_down(peer, "this node is shut down");
            peer.state.send_replace(State::Shutdown);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

/// A name that is none of the grid's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is not in the host list of {local}")]
#[non_exhaustive]
pub struct UnknownHost {
    /// The name that was asked for.
    pub host: String,
    /// The node that was asked.
    pub local: String,
}

/// A connection that was not let in, or was no connection of a node at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused a connection: {0}")]
pub struct Refused(String);

/// Describes a node; [`build`](Self::build) starts it.
#[must_use = "a node is started by `build`"]
pub struct Builder {
    name: String,
    hosts: Option<Vec<String>>,
    auth: Arc<dyn Authenticate>,
    dial: Arc<dyn Dial>,
    config: Config,
    extensions: Option<Vec<String>>,
    registry: Registry,
    /// The first registration that failed; [`build`](Self::build) tells.
    failed: Option<RegisterError>,
}

impl Builder {
    fn new(name: String) -> Self {
        Self {
            name,
            hosts: None,
            auth: Arc::new(NoAuth),
            dial: Arc::new(TcpDial),
            config: Config::default(),
            extensions: None,
            registry: Registry::new(),
            failed: None,
        }
    }

    /// The names of all nodes, this one included. Every node of a grid gets the same list.
    ///
    /// Without it the node knows only itself.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Who may connect. Default: [`NoAuth`], everybody who knows a name of the list.
    pub fn token(mut self, auth: impl Authenticate) -> Self {
        self.auth = Arc::new(auth);
        self
    }

    /// How other nodes are reached. Default: plain TCP to host and port of their name.
    pub fn dial_with(mut self, dial: impl Dial) -> Self {
        self.dial = Arc::new(dial);
        self
    }

    /// Bounds and intervals.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Offers only these protocol extensions to peers. Default: all, `ids32`, `meta`, `cancel` and `credits`.
    ///
    /// What is active on a link is what both ends offer; docs/protocol.md says what each does. None at all makes a node
    /// behave like one that knows the base protocol only, which is good for tests of a mixed grid. A call that needs an
    /// extension fails with [`CallError::Unsupported`](crate::CallError::Unsupported) where it is not active.
    pub fn extensions<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.extensions = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a handler of single requests at the byte level. Ids up to 255 are usable with Go nodes.
    ///
    /// `payload` and answer travel as they are; `None` is no payload. An error's code and text reach the caller as
    /// [`CallError::Remote`](crate::CallError::Remote).
    pub fn single_handler<F, Fut>(
        self,
        id: impl Into<HandlerId>,
        subroute: Option<&str>,
        handler: F,
    ) -> Self
    where
        F: Fn(Context, Option<Bytes>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Bytes>, RemoteError>> + Send + 'static,
    {
        let run = Arc::new(move |context: Context, payload: Option<Bytes>| {
            let answer = handler(context, payload);
            Box::pin(async move { answer.await.map_err(fault) })
                as super::registry::HandlerFuture<_>
        });
        self.raw_handler(id.into(), subroute, RawHandler::Single { run, inline: false })
    }

    /// Adds a handler of streams at the byte level.
    ///
    /// Callers must open it with the same capacities. The stream ends when the handler returns.
    pub fn stream_handler<F, Fut>(
        self,
        id: impl Into<HandlerId>,
        subroute: Option<&str>,
        capacities: Capacities,
        handler: F,
    ) -> Self
    where
        F: Fn(Context, Option<Bytes>, RawReceiver, RawSender) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), RemoteError>> + Send + 'static,
    {
        let run = Arc::new(
            move |context: Context,
                  payload: Option<Bytes>,
                  input: RawReceiver,
                  output: RawSender| {
                let end = handler(context, payload, input, output);
                Box::pin(async move { end.await.map_err(fault) })
                    as super::registry::HandlerFuture<_>
            },
        );
        self.raw_handler(id.into(), subroute, RawHandler::Stream { capacities, run })
    }

    fn raw_handler(self, id: HandlerId, subroute: Option<&str>, handler: RawHandler) -> Self {
        let name = Cow::Owned(format!("handler {id}"));
        self.register(|registry| registry.insert(name, id, subroute, handler))
    }

    /// Lets somebody add handlers; the first error is kept for [`build`](Self::build).
    pub(crate) fn register(
        mut self,
        add: impl FnOnce(&mut Registry) -> Result<(), RegisterError>,
    ) -> Self {
        let result = add(&mut self.registry);
        self.failed = self.failed.or(result.err());
        self
    }

    /// Starts the node: it begins to dial the peers that are its to dial.
    ///
    /// # Errors
    /// [`BuildError`], which names the host, handler or setting that is wrong.
    pub fn build(self) -> Result<Manager, BuildError> {
        let Self { name, hosts, auth, dial, config, extensions, registry, failed } = self;
        if let Some(error) = failed {
            return Err(error.into());
        }
        tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        config.check().map_err(BuildError::Config)?;
        let hosts = hosts.unwrap_or_else(|| vec![name.clone()]);
        check_hosts(&name, &hosts)?;
        let features = extensions.map_or(Ok(Features::all()), |names| offered(&names))?;
        let name: Arc<str> = name.into();
        let registry = Arc::new(registry);
        let link = |peer: &str| {
            Peer::new(Arc::clone(&name), Arc::from(peer), config.limits(), Arc::clone(&registry))
        };
        let mut arrivals = Vec::new();
        let mut peers = HashMap::new();
        for host in hosts.iter().filter(|host| **host != *name) {
            let peer = link(host);
            let known = if dials(&name, host) {
                Known { peer, arrivals: None }
            } else {
                let (sender, receiver) = mpsc::channel(1);
                arrivals.push((Arc::clone(&peer), receiver));
                Known { peer, arrivals: Some(sender) }
            };
            peers.insert(Arc::clone(&known.peer.name), known);
        }
        let loopback = link(&name);
        let instance = Instance::random();
        let node = Arc::new(Node {
            name,
            instance,
            config,
            features,
            auth,
            dial,
            registry,
            peers,
            loopback,
        });
        Ok(Manager { inner: Arc::new(start(node, arrivals)) })
    }
}

/// Starts the task of each link.
fn start(node: Arc<Node>, arrivals: Vec<(Arc<Peer>, mpsc::Receiver<accept::Arrival>)>) -> Inner {
    driver::start_loopback(&node.loopback);
    let mut tasks =
        vec![tokio::spawn(driver::run_loopback(Arc::clone(&node.loopback))).abort_handle()];
    for known in node.peers.values().filter(|known| known.arrivals.is_none()) {
        tasks.push(
            tokio::spawn(keep_dialing(Arc::clone(&node), Arc::clone(&known.peer))).abort_handle(),
        );
    }
    for (peer, arrivals) in arrivals {
        tasks.push(tokio::spawn(keep_accepting(peer, arrivals)).abort_handle());
    }
    Inner { node, tasks: Mutex::new(tasks), over: watch::Sender::new(false) }
}

fn check_hosts(local: &str, hosts: &[String]) -> Result<(), BuildError> {
    Name::parse(local)?;
    for (position, host) in hosts.iter().enumerate() {
        Name::parse(host)?;
        if hosts.iter().take(position).any(|earlier| earlier == host) {
            return Err(BuildError::HostTwice { host: host.clone() });
        }
    }
    if !hosts.iter().any(|host| host == local) {
        return Err(BuildError::LocalMissing { local: local.to_owned(), hosts: hosts.to_vec() });
    }
    Ok(())
}

fn offered(names: &[String]) -> Result<Features, BuildError> {
    let features = Features::from_names(names.iter().map(String::as_str));
    let known = features.names();
    match names.iter().find(|name| !known.contains(name)) {
        Some(name) => {
            Err(BuildError::UnknownExtension { name: name.clone(), known: Features::all().names() })
        }
        None => Ok(features),
    }
}

fn fault(error: RemoteError) -> Fault {
    Fault::new(error.code, error.message)
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("hosts", &self.hosts)
            .field("config", &self.config)
            .field("handlers", &self.registry)
            .finish_non_exhaustive()
    }
}

/// Why a node could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A name is not a URL of host and port.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// A name is in the list more than once.
    #[error("{host} is in the host list twice")]
    #[non_exhaustive]
    HostTwice {
        /// The name.
        host: String,
    },
    /// The node's own name is not in the list.
    #[error("{local} is not in its own host list ({})", hosts.join(", "))]
    #[non_exhaustive]
    LocalMissing {
        /// The node's name.
        local: String,
        /// The list.
        hosts: Vec<String>,
    },
    /// There is no protocol extension of this name.
    #[error("there is no extension `{name}`, only {}", known.join(", "))]
    #[non_exhaustive]
    UnknownExtension {
        /// The name that was given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Two handlers are in each other's way.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A setting makes no sense.
    #[error("bad configuration: {0}")]
    Config(String),
    /// There is no tokio runtime here to run the links.
    #[error("a node must be built inside a tokio runtime")]
    NoRuntime,
}
