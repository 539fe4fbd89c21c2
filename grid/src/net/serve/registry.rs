//! The table of a node's handlers, and the functions that run them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::pace::Pace;
use crate::descriptor::{MethodInfo, Registered, ServiceDescriptor};
use crate::error::Fault;
use crate::net::call::context::Context;
use crate::net::call::ends::{RawReceiver, RawSender};
use crate::net::call::intercept::Chain;
use crate::net::catch::catch;
use crate::net::link::blocking::{BlockingSlots, CALLS_MAX};
use crate::net::link::labels::{Label, Labels};
use crate::net::notice::warning::Warnings;
use crate::proto::Body;
use crate::proto::wire::{HandlerId, SubrouteHash};
use crate::proto::{Capacities, RouteError, RouteIndex, RouteKind, Routes};

/// One run of a handler.
pub(crate) type HandlerFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Starts a handler of single requests.
pub(crate) type RunSingle =
    dyn Fn(Context, Option<Bytes>) -> HandlerFuture<Result<Option<Body>, Fault>> + Send + Sync;

/// Starts a handler of streams.
pub(crate) type RunStream = dyn Fn(Context, Option<Bytes>, RawReceiver, RawSender) -> HandlerFuture<Result<(), Fault>>
    + Send
    + Sync;

/// A handler without its types.
#[derive(Clone)]
pub(crate) enum RawHandler {
    Single {
        run: Arc<RunSingle>,
        /// The user declared that the handler never blocks, so its first poll is always in the driver.
        inline: bool,
    },
    Stream {
        capacities: Capacities,
        run: Arc<RunStream>,
    },
}

/// A handler in the table.
pub(in crate::net) struct Entry {
    pub(in crate::net) handler: RawHandler,
    pub(super) pace: Pace,
}

/// All handlers of a node.
pub(crate) struct Registry {
    routes: Arc<Routes>,
    /// Indexed by route, like `entries`.
    labels: Arc<Labels>,
    entries: Vec<Entry>,
    services: Vec<Registered>,
    /// Services that the library adds to every node.
    built_in: Vec<Registered>,
    /// How many blocking handlers may run at once.
    blocking_max: usize,
    blocking: Arc<Semaphore>,
    /// What the calls pass that this node makes.
    calls: Arc<Chain>,
    /// The warnings of the node.
    warnings: Arc<Warnings>,
    /// Receives how long first polls of handlers take, as far as they are timed.
    first_polls: Option<Arc<FirstPolls>>,
}

/// Receives the method, and how long the first poll of a handler has taken.
pub(crate) type FirstPolls = dyn Fn(&str, Duration) + Send + Sync;

impl Default for Registry {
    fn default() -> Self {
        Self {
            routes: Arc::default(),
            labels: Arc::default(),
            entries: Vec::new(),
            services: Vec::new(),
            built_in: Vec::new(),
            blocking_max: CALLS_MAX,
            blocking: Arc::new(Semaphore::new(CALLS_MAX)),
            calls: Arc::default(),
            warnings: Arc::default(),
            first_polls: None,
        }
    }
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets how many blocking handlers may run at once. For new links only.
    pub(in crate::net) fn set_blocking_max(&mut self, max: usize) {
        self.blocking_max = max;
        self.blocking = Arc::new(Semaphore::new(max));
    }

    /// Sets the interceptors of calls that this node makes.
    pub(in crate::net) fn intercept_calls(&mut self, chain: Chain) {
        self.calls = Arc::new(chain);
    }

    pub(in crate::net) fn calls(&self) -> &Arc<Chain> {
        &self.calls
    }

    pub(in crate::net) fn warnings(&self) -> &Arc<Warnings> {
        &self.warnings
    }

    /// Reports how long first polls of handlers take.
    #[cfg(feature = "metrics")]
    pub(in crate::net) fn report_first_polls(&mut self, to: Arc<FirstPolls>) {
        self.first_polls = Some(to);
    }

    /// The first poll of a handler was timed.
    pub(super) fn first_poll(&self, route: RouteIndex, took: Duration) {
        if let (Some(report), Some(label)) = (&self.first_polls, self.labels.get(route)) {
            catch("a recorder of metrics", || report(&label.method, took));
        }
    }

    /// The slots of blocking handlers for a new link.
    pub(in crate::net) fn blocking_slots(&self) -> BlockingSlots {
        BlockingSlots::new(Arc::clone(&self.blocking), self.blocking_max)
    }

    /// Adds a handler and returns its place. An id may be used once under each subroute.
    pub(crate) fn insert(
        &mut self,
        name: Cow<'static, str>,
        id: HandlerId,
        subroute: Option<&str>,
        handler: RawHandler,
    ) -> Result<RouteIndex, RegisterError> {
        let kind = match &handler {
            RawHandler::Single { .. } => RouteKind::Single,
            RawHandler::Stream { capacities, .. } => RouteKind::Stream(*capacities),
        };
        // An empty subroute means no subroute, as for callers.
        let subroute = subroute.filter(|path| !path.is_empty());
        let subroute_id = subroute.map(|path| SubrouteHash::of(path).for_handler(id));
        // Links hold the routes only after registration has ended, so this does not clone.
        let inserted = Arc::make_mut(&mut self.routes).insert(id, subroute_id, kind);
        match inserted {
            Ok(route) => {
                debug_assert_eq!(route, RouteIndex(self.entries.len()));
                self.entries.push(Entry { handler, pace: Pace::default() });
                Arc::make_mut(&mut self.routes).name_last(name.clone());
                let label = Label { method: name, subroute: subroute.map(Arc::from) };
                Arc::make_mut(&mut self.labels).push(label);
                Ok(route)
            }
            Err(RouteError::ZeroId) => Err(RegisterError::ZeroId { name: name.into_owned() }),
            Err(RouteError::Taken(taken)) => {
                let by = self.labels.get(taken).map(|label| label.method.clone().into_owned());
                Err(RegisterError::Taken {
                    name: name.into_owned(),
                    id: id.get(),
                    subroute: subroute.map(str::to_owned),
                    by: by.unwrap_or_default(),
                })
            }
        }
    }

    /// Refuses requests of a handler that have more than `bytes`.
    pub(crate) fn limit_requests(&mut self, route: RouteIndex, bytes: usize) {
        Arc::make_mut(&mut self.routes).limit_requests(route, bytes);
    }

    /// Replaces each handler with what `wrap` makes of its name, of it, and of the description of its method.
    pub(super) fn wrap(
        &mut self,
        wrap: impl Fn(&str, &RawHandler, Option<&'static MethodInfo>) -> RawHandler,
    ) {
        let services = self.services.iter().chain(&self.built_in);
        let methods = services.flat_map(|service| service.descriptor.methods());
        let infos: HashMap<_, _> =
            methods.map(|info| (format!("{}/{}", info.service(), info.name()), *info)).collect();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let label = self.labels.get(RouteIndex(index));
            let info = label.and_then(|label| infos.get(&*label.method)).copied();
            let name = label.map_or("", |label| &label.method);
            entry.handler = wrap(name, &entry.handler, info);
        }
    }

    /// Lists a service whose handlers have been added.
    pub(crate) fn describe(
        &mut self,
        descriptor: &'static ServiceDescriptor,
        subroute: Option<&str>,
    ) {
        self.services.push(Registered { descriptor, subroute: subroute.map(Arc::from) });
    }

    /// The services of the application.
    pub(crate) fn services(&self) -> &[Registered] {
        &self.services
    }

    /// The services that the library has added so far.
    pub(crate) fn built_in(&self) -> &[Registered] {
        &self.built_in
    }

    /// Adds services that are not those of the application. They do not block, which need not be learned by trying: each try moves
    /// the work of a worker to another thread, which a busy node notices.
    pub(crate) fn add_built_in<T>(&mut self, add: impl FnOnce(&mut Self) -> T) -> T {
        let (own, handlers) = (self.services.len(), self.entries.len());
        let added = add(self);
        self.built_in.extend(self.services.drain(own..));
        for entry in &mut self.entries[handlers..] {
            entry.pace = Pace::quick();
        }
        added
    }

    pub(in crate::net) fn routes(&self) -> &Arc<Routes> {
        &self.routes
    }

    pub(in crate::net) fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// How the handlers of a route have used their thread so far.
    pub(super) fn pace(&self, route: RouteIndex) -> Option<&Pace> {
        Some(&self.entry(route)?.pace)
    }

    pub(in crate::net) fn entry(&self, route: RouteIndex) -> Option<&Entry> {
        self.entries.get(route.0)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.labels.fmt(f)
    }
}

/// A handler could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Two handlers have the same id under the same subroute.
    #[error("{}", taken(.name, .by, *.id, .subroute.as_deref()))]
    #[non_exhaustive]
    Taken {
        /// The handler that was refused.
        name: String,
        /// The id that both have.
        id: u32,
        /// The subroute that both are registered under.
        subroute: Option<String>,
        /// The handler that has the id already.
        by: String,
    },
    /// Handler ids start at 1.
    #[error("{name} has the handler id 0; ids start at 1")]
    #[non_exhaustive]
    ZeroId {
        /// The handler that was refused.
        name: String,
    },
}

fn taken(name: &str, by: &str, id: u32, subroute: Option<&str>) -> String {
    let under = subroute.map(|path| format!(" under subroute {path:?}")).unwrap_or_default();
    if name == by {
        format!("{name} is registered twice{under}: place one of the two under another subroute")
    } else {
        format!(
            "handler id {id}{under} is used by both {by} and {name}: give one of them another id \
            (`#[handler(id = ...)]`), or place it under another subroute"
        )
    }
}
