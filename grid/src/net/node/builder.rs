//! [`Builder`]: configures, checks and starts a node.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::build_error::BuildError;
use super::dial::{Dial, TcpDial};
use super::events::Hub;
use super::guest_table::{GuestTable, Guests};
use super::manager::Manager;
use super::names::{check_names, check_node};
use super::peers::Peers;
use super::shared::Node;
use super::source::MemberSource;
use crate::auth::{Authenticate, NoAuth};
use crate::config::Config;
use crate::error::{Fault, RemoteError};
use crate::net::call::context::Context;
use crate::net::call::ends::{RawReceiver, RawSender};
use crate::net::drive::endpoint::Endpoint;
use crate::net::link::state::Instance;
use crate::net::serve::registry::{HandlerFuture, RawHandler, RegisterError, Registry};
use crate::proto::wire::HandlerId;
use crate::proto::{Capacities, Features, guest_name};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Configures a node; [`build`](Self::build) starts it.
#[must_use = "a node is started by `build`"]
pub struct Builder {
    name: String,
    hosts: Option<Vec<String>>,
    source: Option<Box<dyn MemberSource>>,
    guests: Option<Guests>,
    /// The node of which this is a guest.
    guest_of: Option<String>,
    auth: Arc<dyn Authenticate>,
    /// `None`: plain TCP.
    dial: Option<Arc<dyn Dial>>,
    config: Config,
    extensions: Option<Vec<String>>,
    registry: Registry,
    /// The first registration that failed; [`build`](Self::build) returns it.
    failed: Option<RegisterError>,
}

impl Manager {
    /// Creates a builder for a node with this name, a URL such as `http://node1:9000`.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }
}

impl Builder {
    fn new(name: String) -> Self {
        Self {
            name,
            hosts: None,
            source: None,
            guests: None,
            guest_of: None,
            auth: Arc::new(NoAuth),
            dial: None,
            config: Config::default(),
            extensions: None,
            registry: Registry::new(),
            failed: None,
        }
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
        let name = guest_name(rand::random());
        Self { guest_of: Some(node.to_owned()), ..Self::new(name) }
    }

    /// Sets the authenticator. Default: [`NoAuth`], which accepts every node whose name is in the list.
    pub fn token(mut self, auth: impl Authenticate) -> Self {
        self.auth = Arc::new(auth);
        self
    }

    /// Sets how byte streams to other nodes are opened. Default: TCP to the host and port of their name.
    pub fn dial_with(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Sets limits and intervals.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Offers only these protocol extensions to peers. Default: all, `ids32`, `meta`, `cancel`, `credits`, `chunks`,
    /// `names`, `limits`, `crc`, `contracts`, `drain` and `guest`.
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
            Box::pin(async move { answer.await.map_err(Fault::of_handler) }) as HandlerFuture<_>
        });
        self.raw_handler(id.into(), subroute, RawHandler::Single { run, inline: false })
    }

    /// Adds a handler of streams at the byte level.
    ///
    /// Callers must open the stream with the same capacities. It ends when the handler returns.
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
            dial,
            config,
            extensions,
            mut registry,
            failed,
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
        match &guest_of {
            Some(node) => check_node(node, dial.is_some())?,
            None => check_names(&name, &hosts, dial.is_some())?,
        }
        auth.ready().map_err(BuildError::Auth)?;
        let features = extensions.map_or(Ok(Features::all()), |names| offered(&names))?;
        let name: Arc<str> = name.into();
        registry.set_blocking_max(config.blocking_calls_max);
        let registry = Arc::new(registry);
        let limits = config.limits();
        let loopback = Endpoint::new(
            Arc::clone(&name),
            Arc::clone(&name),
            limits.clone(),
            Arc::clone(&registry),
        );
        let node = Arc::new(Node {
            name,
            instance: Instance::random(),
            config,
            features,
            auth,
            has_dialer: dial.is_some(),
            dial: dial.unwrap_or_else(|| Arc::new(TcpDial::default())),
            registry,
            limits,
            peers: Peers::default(),
            guests: GuestTable::new(guests.filter(|_| guest_of.is_none())),
            neighbours: Arc::default(),
            loopback,
            strangers: Arc::default(),
            changing: Mutex::new(false),
            events: Hub::default(),
            following: Mutex::default(),
            over: watch::Sender::new(false),
            alive: watch::Sender::new(true),
            runtime,
            dials: AtomicU64::new(0),
        });
        let manager = Manager::start(node, &hosts);
        if let Some(source) = source.filter(|_| guest_of.is_none()) {
            manager.members().follow_boxed(source);
        }
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
