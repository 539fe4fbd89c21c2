//! [`Builder`]: configures, checks and starts a node.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
#[cfg(feature = "metrics")]
use std::time::Duration;

use super::build_error::BuildError;
use super::changes::Changes;
use super::dial::{Dial, TcpDial};
use super::guest_policy::Guests;
use super::guest_table::GuestTable;
use super::latch::Latch;
use super::manager::Manager;
use super::member_event::MemberHub;
use super::names::{check_names, check_node, warn_of};
use super::peers::Peers;
use super::shared::Node;
use super::source::MemberSource;
#[cfg(feature = "tls-no-provider")]
use super::tls_dial::secured;
#[cfg(unix)]
use super::unix::UnixSockets;
use super::wall_clock::WallClock;
use crate::auth::{Authenticate, Denied, NoAuth};
use crate::config::Config;
use crate::entropy;
use crate::error::{Fault, RemoteError};
use crate::net::call::context::Context;
use crate::net::call::ends::{RawReceiver, RawSender};
use crate::net::call::intercept::record::Record;
use crate::net::call::intercept::sampling::Sampling;
use crate::net::call::intercept::{Chain, Intercept};
use crate::net::drive::endpoint::Endpoint;
use crate::net::link::state::Instance;
use crate::net::serve::intercept::intercept;
use crate::net::serve::permit::{CallInfo, Hook, guard};
use crate::net::serve::registry::{HandlerFuture, RawHandler, RegisterError, Registry};
#[cfg(feature = "tls-no-provider")]
use crate::net::tls::Tls;
use crate::proto::Body;
use crate::proto::wire::HandlerId;
use crate::proto::{Capacities, Features, guest_name};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

/// Registers a built-in service of the node with this name.
pub(crate) type BuiltIn =
    Box<dyn FnOnce(&Arc<str>, &mut Registry) -> Result<(), RegisterError> + Send>;

/// What is done with a new node.
type AtStart = Box<dyn FnOnce(&Manager) + Send>;

/// Configures a node; [`build`](Self::build) starts it.
///
/// ```
/// # use std::time::Duration;
/// # #[grid::service]
/// # trait Clock { async fn now(&self) -> u64; }
/// # struct Fixed;
/// # impl Clock for Fixed { async fn now(&self) -> u64 { 42 } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grid::intercept::Log;
/// use grid::{Config, Manager, SharedSecret};
///
/// let node = Manager::builder("http://node1:9000")
///     .hosts(["http://node1:9000", "http://node2:9000"])
///     .token(SharedSecret::new("correct horse"))
///     .config(Config::default().ping_interval(Duration::from_secs(4)))
///     .record(Log::slower_than(Duration::from_millis(200)))
///     .service(ClockServer::new(Fixed))
///     .build()?;
/// assert_eq!(node.hosts().count(), 2);
/// # Ok(()) }
/// ```
#[must_use = "a node is started by `build`"]
pub struct Builder {
    name: String,
    hosts: Option<Vec<String>>,
    source: Option<Box<dyn MemberSource>>,
    guests: Option<Guests>,
    /// The node of which this is a guest.
    guest_of: Option<String>,
    /// `None`: other nodes are not permitted.
    auth: Option<Arc<dyn Authenticate>>,
    permit: Option<Arc<Hook>>,
    /// Around the calls that the node serves, and those that it makes.
    served: Chain,
    made: Chain,
    at_start: Vec<AtStart>,
    /// `None`: plain TCP.
    dial: Option<Arc<dyn Dial>>,
    #[cfg(unix)]
    unix_sockets: UnixSockets,
    #[cfg(feature = "tls-no-provider")]
    tls: Option<Tls>,
    /// Opens the byte streams below TLS; `None`: TCP.
    #[cfg(feature = "tls-no-provider")]
    below_tls: Option<Arc<dyn Dial>>,
    config: Config,
    clock: WallClock,
    extensions: Option<Vec<String>>,
    registry: Registry,
    /// Adds the services that every node has; above this layer.
    /// By the names of the services.
    built_in: BTreeMap<&'static str, BuiltIn>,
    /// The first registration that failed; [`build`](Self::build) returns it.
    failed: Option<RegisterError>,
}

impl Builder {
    /// A builder of a node without built-in services.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            hosts: None,
            source: None,
            guests: None,
            guest_of: None,
            auth: None,
            permit: None,
            served: Chain::default(),
            made: Chain::default(),
            at_start: Vec::new(),
            dial: None,
            #[cfg(unix)]
            unix_sockets: UnixSockets::default(),
            #[cfg(feature = "tls-no-provider")]
            tls: None,
            #[cfg(feature = "tls-no-provider")]
            below_tls: None,
            config: Config::default(),
            clock: WallClock::default(),
            extensions: None,
            registry: Registry::new(),
            built_in: BTreeMap::new(),
            failed: None,
        }
    }

    /// Sets what adds a built-in service when the node is built. They are added in the order of their names.
    pub(crate) fn with_built_in(mut self, service: &'static str, add: Option<BuiltIn>) -> Self {
        match add {
            Some(add) => self.built_in.insert(service, add),
            None => self.built_in.remove(service),
        };
        self
    }

    /// Sets the names of all nodes, including this one. All nodes of a grid must use the same list.
    ///
    /// Default: only this node.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Takes the names of all nodes from this source while the node runs; see [`Members::follow`](crate::Members::follow).
    ///
    /// Until the source yields its first list, [`hosts`](Self::hosts) is the list. Default: the list changes only through
    /// [`Manager::members`].
    pub fn members_from(mut self, source: impl MemberSource) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Takes guests: programs that are on no list, see [`Guest`](crate::Guest). Default: none.
    ///
    /// A guest passes the same authenticator as a node. Handlers ask [`Context::is_guest`] who calls.
    pub fn guests(mut self, guests: Guests) -> Self {
        self.guests = Some(guests);
        self
    }

    /// A builder for a guest of this node.
    pub(super) fn guest_of(node: &str) -> Self {
        let name = guest_name(entropy::random());
        Self { guest_of: Some(node.to_owned()), ..Self::new(name) }
    }

    /// Sets the authenticator: [`SharedSecret`](crate::SharedSecret), [`StaticToken`](crate::StaticToken), [`NoAuth`], or
    /// an [`Authenticate`] of your own.
    ///
    /// Required if there are other nodes: without one, [`build`](Self::build) fails with
    /// [`BuildError::NoAuthenticator`].
    pub fn token(mut self, auth: impl Authenticate) -> Self {
        self.auth = Some(Arc::new(auth));
        self
    }

    /// Decides which calls peers may make: `hook` runs for each request, and for each stream that is opened, before the
    /// handler. Default: all calls are permitted.
    ///
    /// A call that is not permitted fails with [`ErrorCode::NotPermitted`](crate::ErrorCode::NotPermitted) and the reason;
    /// a stream ends with this error. The arguments are not decoded, and the handler does not run. A hook that panics
    /// refuses the call. It runs where handlers run and may block like them; `#[handler(blocking)]` does not apply to it.
    /// Calls of this node to itself are asked for as well.
    ///
    /// ```
    /// # use grid::{Denied, Manager};
    /// let builder = Manager::builder("http://node1:9000").permit(|call| {
    ///     match call.service() {
    ///         "Admin" if call.identity().name() != Some("http://console:9000") => {
    ///             Err(Denied::new("only the console may do that"))
    ///         }
    ///         _ => Ok(()),
    ///     }
    /// });
    /// # let _ = builder;
    /// ```
    pub fn permit(
        mut self,
        hook: impl Fn(&CallInfo) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        self.permit = Some(Arc::new(hook));
        self
    }

    /// Adds an interceptor around the calls that this node serves: single requests and streams, those of this node to itself
    /// included. The one that is added first sees a call first. Default: none.
    ///
    /// It runs before [`permit`](Self::permit), and sees what that refuses. [`intercept`](crate::intercept) has interceptors
    /// for logs, limits and tests; [`intercept::only`](crate::intercept::only) limits one to a service or a method.
    pub fn intercept(mut self, interceptor: impl Intercept) -> Self {
        self.served.add(interceptor);
        self
    }

    /// Records all calls when they are over, those that this node serves and those that it makes. Default: none.
    ///
    /// It sees a call as its caller does: also what an interceptor or [`permit`](Self::permit) refuses, and the time that
    /// interceptors take. See [`intercept::Log`](crate::intercept::Log).
    pub fn record(mut self, record: impl Record) -> Self {
        self.add_record(Arc::new(record), None);
        self
    }

    /// The same for a recorder that sees some calls.
    pub(crate) fn record_some(mut self, sampling: Sampling, record: Arc<dyn Record>) -> Self {
        self.add_record(record, Some(sampling));
        self
    }

    fn add_record(&mut self, record: Arc<dyn Record>, sampling: Option<Sampling>) {
        self.served.add_record(Arc::clone(&record), sampling.clone());
        self.made.add_record(record, sampling);
    }

    /// Adds an interceptor around the calls that this node makes, also from its handlers. The one that is added first sees a
    /// call first. Default: none.
    pub fn intercept_calls(mut self, interceptor: impl Intercept) -> Self {
        self.made.add(interceptor);
        self
    }

    /// Sets up TLS: nodes whose names begin with `https://` are dialed with it, and [`Manager::serve`] listens with it if the
    /// name of this node begins with `https://`. Default: no TLS.
    ///
    /// The files are read by [`build`](Self::build), which fails with [`BuildError::Tls`].
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let nodes = ["https://node1:9000", "https://node2:9000"];
    /// let tls = grid::Tls::mutual("ca.pem", "node1.pem", "node1.key");
    /// let node = grid::Manager::builder(nodes[0])
    ///     .hosts(nodes)
    ///     .tls(tls)
    ///     .token(grid::CertificateName::new())
    ///     .build()?;
    /// let listener = tokio::net::TcpListener::bind("0.0.0.0:9000").await?;
    /// node.serve(listener).await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls-no-provider")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Like [`tls`](Self::tls), over byte streams that `dial` opens instead of TCP, for example through a SOCKS proxy.
    #[cfg(feature = "tls-no-provider")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls_over(mut self, tls: Tls, dial: impl Dial) -> Self {
        self.below_tls = Some(Arc::new(dial));
        self.tls(tls)
    }

    /// Sets how byte streams to other nodes are opened. Default: TCP to the host and port of their name, with TLS if the name
    /// begins with `https://` and `Builder::tls` was called. A dialer of your own does TLS itself.
    pub fn dial_with(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Dials a node of the same host over the Unix socket at this path, instead of TCP or the dialer of
    /// [`dial_with`](Self::dial_with).
    ///
    /// The node keeps its name, and serves a `tokio::net::UnixListener`; nodes of other hosts dial it as before. Sockets can
    /// be set for all nodes of the host alike: those that this node does not dial, and its own, are ignored.
    ///
    /// [`build`](Self::build) fails with [`BuildError::UnixSocketHost`] if the name is not in the host list, unless the list
    /// comes from [`members_from`](Self::members_from).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = std::env::temp_dir().join(format!("grid-unix-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = |name: &str| directory.join(name);
    /// let manager = grid::Manager::builder("http://node1:9000")
    ///     .hosts(["http://node1:9000", "http://node1:9001", "http://node2:9000"])
    ///     .token(grid::SharedSecret::new("correct horse"))
    ///     .unix_socket("http://node1:9000", path("9000.sock"))
    ///     .unix_socket("http://node1:9001", path("9001.sock"))
    ///     .build()?;
    /// tokio::spawn(manager.serve(tokio::net::UnixListener::bind(path("9000.sock"))?));
    /// tokio::spawn(manager.serve(tokio::net::TcpListener::bind("127.0.0.1:0").await?)); // for node2
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(unix)]
    pub fn unix_socket(
        mut self,
        host: impl Into<String>,
        path: impl Into<std::path::PathBuf>,
    ) -> Self {
        self.unix_sockets.insert(host.into(), path.into());
        self
    }

    /// Calls this with the node when it is built.
    pub(crate) fn at_start(mut self, start: impl FnOnce(&Manager) + Send + 'static) -> Self {
        self.at_start.push(Box::new(start));
        self
    }

    /// Reports the method, and how long the first poll of a handler takes: of a sample of those that run where messages are
    /// read, and of all others.
    #[cfg(feature = "metrics")]
    pub(crate) fn first_polls(
        mut self,
        to: impl Fn(&str, Duration) + Send + Sync + 'static,
    ) -> Self {
        self.registry.report_first_polls(Arc::new(to));
        self
    }

    /// Sets limits and intervals.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Offers only these protocol extensions to peers. Default: all, `ids32`, `meta`, `cancel`, `credits`, `chunks`,
    /// `names`, `limits`, `crc`, `contracts`, `proof`, `drain`, `guest` and `windows`; without `proof`, no node accepts a
    /// [`SharedSecret`](crate::SharedSecret).
    ///
    /// An extension is active on a link if both ends offer it; docs/protocol.md describes each. With an empty list the
    /// node uses only the base protocol, which is useful for tests of mixed grids. A call that needs an inactive
    /// extension fails with [`CallError::Unsupported`](crate::CallError::Unsupported).
    pub fn extensions<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.extensions = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a handler of single requests at the byte level. Go nodes can call ids up to 255.
    ///
    /// Payload and answer are sent unchanged; `None` means no payload. The caller receives an error as
    /// [`CallError::Remote`](crate::CallError::Remote), with the code as [`RemoteError`] describes it.
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
            Box::pin(async move {
                let answer = answer.await.map_err(Fault::of_handler)?;
                Ok(answer.map(Body::from))
            }) as HandlerFuture<_>
        });
        self.raw_handler(id.into(), subroute, RawHandler::Single { run, inline: false })
    }

    /// Adds a handler of streams at the byte level.
    ///
    /// It takes at most `capacities.incoming` messages ahead of its reader. It ends when the handler returns.
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
                Box::pin(async move { end.await.map_err(Fault::of_handler) }) as HandlerFuture<_>
            },
        );
        self.raw_handler(id.into(), subroute, RawHandler::Stream { capacities, run })
    }

    fn raw_handler(self, id: HandlerId, subroute: Option<&str>, handler: RawHandler) -> Self {
        let name = Cow::Owned(format!("handler {id}"));
        self.register(|registry| registry.insert(name, id, subroute, handler).map(|_| ()))
    }

    /// Takes the time of day from this clock, and opens byte streams with this dialer; TLS, if the node has it, is added above
    /// them.
    #[cfg(feature = "testing")]
    pub(crate) fn within_test(self, clock: WallClock, dial: impl Dial) -> Self {
        let dial: Arc<dyn Dial> = Arc::new(dial);
        #[cfg(feature = "tls-no-provider")]
        if self.tls.is_some() {
            return Self { clock, dial: None, below_tls: Some(dial), ..self };
        }
        Self { clock, dial: Some(dial), ..self }
    }

    /// Calls `add` to register handlers, and keeps the first error for [`build`](Self::build).
    pub(crate) fn register(
        mut self,
        add: impl FnOnce(&mut Registry) -> Result<(), RegisterError>,
    ) -> Self {
        let result = add(&mut self.registry);
        self.failed = self.failed.or(result.err());
        self
    }

    /// Starts the node and its links.
    ///
    /// # Errors
    /// [`BuildError`], which names the invalid host, handler or setting: what can only be a mistake, such as two names that
    /// differ only in case, or a token that no HTTP header can carry. What is probably a mistake is logged as a warning.
    pub fn build(self) -> Result<Manager, BuildError> {
        let Self {
            name,
            hosts,
            source,
            guests,
            guest_of,
            auth,
            permit,
            served,
            made,
            dial,
            config,
            clock,
            extensions,
            mut registry,
            built_in,
            failed,
            ..
        } = self;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        config.check().map_err(BuildError::Config)?;
        let hosts = match &guest_of {
            Some(node) => vec![node.clone()],
            None => hosts.unwrap_or_else(|| vec![name.clone()]),
        };
        #[cfg(feature = "tls-no-provider")]
        let has_tls = self.tls.is_some();
        #[cfg(not(feature = "tls-no-provider"))]
        let has_tls = false;
        let has_dialer = dial.is_some() || has_tls;
        match &guest_of {
            Some(node) => check_node(node, has_dialer)?,
            None => {
                check_names(&name, &hosts, has_dialer)?;
                warn_of(&name, &hosts, |_| true);
            }
        }
        let has_peers = hosts.len() > 1 || source.is_some() || guests.is_some();
        let has_authenticator = auth.is_some();
        let auth = match auth {
            Some(auth) => auth,
            None if has_peers => return Err(BuildError::NoAuthenticator),
            None => Arc::new(NoAuth),
        };
        auth.ready().map_err(BuildError::Auth)?;
        let features = extensions.map_or(Ok(Features::all()), |names| offered(&names))?;
        #[cfg(feature = "tls-no-provider")]
        let (dial, security) = secured(&name, dial, self.tls, self.below_tls)?;
        #[cfg(not(feature = "tls-no-provider"))]
        let security = None;
        let dial = dial.unwrap_or_else(|| Arc::new(TcpDial::default()));
        #[cfg(unix)]
        let dial = {
            // A source may yield the others later.
            if source.is_none() {
                self.unix_sockets.check(&hosts)?;
            }
            self.unix_sockets.or(dial)
        };
        let name: Arc<str> = name.into();
        for add in built_in.into_values() {
            registry.add_built_in(|registry| add(&name, registry))?;
        }
        registry.set_blocking_max(config.blocking_calls_max);
        let guests = guests.filter(|_| guest_of.is_none());
        if let Some(auth) = guests.as_ref().and_then(|guests| guests.auth.as_deref()) {
            auth.ready().map_err(BuildError::Auth)?;
        }
        let permit = guests.as_ref().map_or(permit.clone(), |guests| guests.hook(permit));
        let tells_guests_services = permit.is_none();
        if let Some(hook) = permit {
            guard(&mut registry, &hook);
        }
        // Around the hook, so that they see what it refuses.
        if !served.is_empty() {
            intercept(&mut registry, &served);
        }
        registry.intercept_calls(made);
        let registry = Arc::new(registry);
        let (limits, bytes_per_node_max) = (config.limits(), config.bytes_per_node_max);
        let loopback = Endpoint::new(
            Arc::clone(&name),
            Arc::clone(&name),
            limits.clone(),
            Arc::clone(&registry),
        );
        let node = Arc::new(Node {
            name,
            instance: Instance::random(),
            started: Instant::now(),
            tells_guests_services,
            config,
            clock,
            features,
            auth,
            has_authenticator,
            has_dialer,
            dial,
            security,
            registry,
            limits,
            peers: Peers::default(),
            guests: GuestTable::new(guests, bytes_per_node_max),
            neighbours: Arc::default(),
            loopback,
            strangers: Arc::default(),
            changing: Mutex::new(false),
            changes: Changes::default(),
            events: MemberHub::default(),
            refused: Mutex::default(),
            following: Mutex::default(),
            over: Latch::default(),
            alive: watch::Sender::new(true),
            runtime,
            dials: AtomicU64::new(0),
        });
        let manager = Manager::start(node, &hosts);
        if let Some(source) = source.filter(|_| guest_of.is_none()) {
            manager.members().follow_boxed(source);
        }
        self.at_start.into_iter().for_each(|start| start(&manager));
        Ok(manager)
    }
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

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("hosts", &self.hosts)
            .field("config", &self.config)
            .field("handlers", &self.registry)
            .finish_non_exhaustive()
    }
}
