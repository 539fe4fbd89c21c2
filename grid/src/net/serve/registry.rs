//! The handlers of a node: which there are, and what runs when one is called.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::descriptor::{Registered, ServiceDescriptor};
use crate::error::Fault;
use crate::net::call::stream::{RawReceiver, RawSender};
use crate::net::serve::context::Context;
use crate::proto::wire::{HandlerId, SubrouteHash};
use crate::proto::{Capacities, RouteError, RouteIndex, RouteKind, Routes};

/// What a handler's run is.
pub(crate) type HandlerFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Starts a handler of single requests.
pub(crate) type RunSingle =
    dyn Fn(Context, Option<Bytes>) -> HandlerFuture<Result<Option<Bytes>, Fault>> + Send + Sync;

/// Starts a handler of streams.
pub(crate) type RunStream = dyn Fn(Context, Option<Bytes>, RawReceiver, RawSender) -> HandlerFuture<Result<(), Fault>>
    + Send
    + Sync;

/// A handler without its types.
#[derive(Clone)]
pub(crate) enum RawHandler {
    Single {
        run: Arc<RunSingle>,
        /// The user says that it never blocks: it is always polled in the driver first.
        inline: bool,
    },
    Stream {
        capacities: Capacities,
        run: Arc<RunStream>,
    },
}

/// A handler in the table.
pub(in crate::net) struct Entry {
    /// `Service/method`, for people.
    pub(in crate::net) name: Cow<'static, str>,
    pub(in crate::net) id: HandlerId,
    pub(in crate::net) subroute: Option<Arc<str>>,
    pub(in crate::net) handler: RawHandler,
    pub(in crate::net) first_poll: FirstPoll,
}

/// How long the first poll of a handler takes, as a moving average.
///
/// It races with itself where several links serve the same handler; a lost sample does not matter.
#[derive(Debug, Default)]
pub(in crate::net) struct FirstPoll {
    average_ns: AtomicU64,
    calls: AtomicU64,
}

/// One call of so many is timed while the handler is quick: reading the clock twice is a tenth of a small call.
const SAMPLED: u64 = 8;

/// From here on a handler holds up the other calls of its link: a task costs less than this.
const HEAVY: Duration = Duration::from_micros(20);

/// Weight of the past in the average: one slow poll in a while does not make a handler heavy, a few in a row do.
const MEMORY: u64 = 8;

impl FirstPoll {
    pub(in crate::net) fn is_heavy(&self) -> bool {
        Duration::from_nanos(self.average_ns.load(Ordering::Relaxed)) > HEAVY
    }

    /// Whether the call that begins now should be timed.
    pub(in crate::net) fn is_due(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        calls.is_multiple_of(SAMPLED)
    }

    pub(in crate::net) fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / MEMORY);
        let average = self.average_ns.load(Ordering::Relaxed);
        // Bounded, so that a handler that once blocked for minutes is forgiven within some dozens of calls.
        let took = took.min(MEMORY * HEAVY.as_nanos() as u64);
        self.average_ns.store((average * (MEMORY - 1) + took) / MEMORY, Ordering::Relaxed);
    }
}

/// All handlers of a node.
#[derive(Default)]
pub(crate) struct Registry {
    routes: Arc<Routes>,
    entries: Vec<Entry>,
    services: Vec<Registered>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a handler. An id may be used once under each subroute.
    pub(crate) fn insert(
        &mut self,
        name: Cow<'static, str>,
        id: HandlerId,
        subroute: Option<&str>,
        handler: RawHandler,
    ) -> Result<(), RegisterError> {
        let kind = match &handler {
            RawHandler::Single { .. } => RouteKind::Single,
            RawHandler::Stream { capacities, .. } => RouteKind::Stream(*capacities),
        };
        // The empty subroute is none, as it is for those who call.
        let subroute = subroute.filter(|path| !path.is_empty());
        let subroute_id = subroute.map(|path| SubrouteHash::of(path).for_handler(id));
        // Registering is over before any link has the routes, so nothing is cloned.
        let inserted = Arc::make_mut(&mut self.routes).insert(id, subroute_id, kind);
        let first_poll = FirstPoll::default();
        match inserted {
            Ok(RouteIndex(index)) => {
                debug_assert_eq!(index, self.entries.len());
                self.entries.push(Entry {
                    name,
                    id,
                    subroute: subroute.map(Arc::from),
                    handler,
                    first_poll,
                });
                Ok(())
            }
            Err(RouteError::ZeroId) => Err(RegisterError::ZeroId { name: name.into_owned() }),
            Err(RouteError::Taken(RouteIndex(taken))) => Err(RegisterError::Taken {
                name: name.into_owned(),
                id: id.get(),
                subroute: subroute.map(str::to_owned),
                by: self
                    .entries
                    .get(taken)
                    .map(|entry| entry.name.clone().into_owned())
                    .unwrap_or_default(),
            }),
        }
    }

    /// Notes that handlers which were added belong to this service.
    pub(crate) fn describe(
        &mut self,
        descriptor: &'static ServiceDescriptor,
        subroute: Option<&str>,
    ) {
        self.services.push(Registered { descriptor, subroute: subroute.map(Arc::from) });
    }

    pub(in crate::net) fn services(&self) -> &[Registered] {
        &self.services
    }

    pub(in crate::net) fn routes(&self) -> &Arc<Routes> {
        &self.routes
    }

    pub(in crate::net) fn entry(&self, route: RouteIndex) -> Option<&Entry> {
        self.entries.get(route.0)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|entry| (&entry.name, entry.id, &entry.subroute)))
            .finish()
    }
}

/// A handler could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Two handlers have the same id under the same subroute.
    #[error("handler id {id}{} is used by both {by} and {name}", under(subroute))]
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

fn under(subroute: &Option<String>) -> String {
    subroute.as_ref().map(|path| format!(" under subroute {path:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_heavy_after_a_few_slow_polls_and_light_again_after_quick_ones() {
        let first_poll = FirstPoll::default();
        first_poll.note(Duration::from_secs(1));
        assert!(!first_poll.is_heavy(), "once does not count");
        for _ in 0..16 {
            first_poll.note(HEAVY * 4);
        }
        assert!(first_poll.is_heavy());
        first_poll.note(Duration::from_secs(3600));
        for _ in 0..32 {
            first_poll.note(Duration::from_micros(1));
        }
        assert!(!first_poll.is_heavy());
    }
}
