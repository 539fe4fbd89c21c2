//! [`CallLog`]: an interceptor that notes the calls of all nodes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::{Finished, Intercept, Intercepted, Intercepting, Next, Record, Recording};

/// The calls that a log holds at most, so that a test that calls in a loop fails before its memory is full.
const CALLS_MAX: usize = 1 << 20;

/// Records the calls of nodes: an interceptor for [`TestGridBuilder::record`](super::TestGridBuilder::record), or for
/// [`Builder::intercept`](crate::Builder::intercept) and [`intercept_calls`](crate::Builder::intercept_calls) of one node.
///
/// A call between two nodes of a grid is recorded twice: where it is made, and where it is served, if it gets there. Cheap to
/// clone; all clones record into the same list.
///
/// ```
/// use grid::testing::{CallLog, TestGrid};
///
/// # #[grid::service]
/// # trait Clock { async fn now(&self) -> u64; }
/// # struct Fixed;
/// # impl Clock for Fixed { async fn now(&self) -> u64 { 42 } }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let calls = CallLog::new();
/// let grid = TestGrid::builder(2)
///     .configure(|_, builder| builder.service(ClockServer::new(Fixed)))
///     .record(&calls)
///     .start();
/// grid.all_connected().await;
/// ClockClient::new(grid.connection(0, 1)).now().await.unwrap();
/// let served = calls.served("Clock/now");
/// assert_eq!(served.len(), 1);
/// assert_eq!((&*served[0].from, &*served[0].to), (grid.name(0), grid.name(1)));
/// assert_eq!(served[0].outcome, Some("ok"));
/// # }
/// ```
#[derive(Clone, Default)]
pub struct CallLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    calls: Vec<RecordedCall>,
    /// Counts [`CallLog::clear`]: a call that ends after it must not change another one.
    cleared: u64,
    is_full: bool,
}

/// A call or stream that a node has made or served.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// Service and method, such as `Store/get`; at the byte level, such as `handler 78`.
    pub method: String,
    /// The node that has made the call.
    pub from: String,
    /// The node that was called.
    pub to: String,
    /// Whether it was recorded by the node that was called. Otherwise, by the one that has made the call.
    pub is_served: bool,
    /// How it ended, as [`Finished::label`](crate::intercept::Finished::label) says; `None` while it runs.
    pub outcome: Option<&'static str>,
}

impl fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, from, to, is_served, outcome } = self;
        let by = if *is_served { "served" } else { "made" };
        write!(f, "{method} {from} -> {to}, {by}: {}", outcome.unwrap_or("running"))
    }
}

impl CallLog {
    /// Creates a log without calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// All calls, in the order in which they began.
    ///
    /// # Panics
    /// If more than 1048576 were recorded.
    #[track_caller]
    pub fn all(&self) -> Vec<RecordedCall> {
        let inner = self.lock();
        let (is_full, calls) = (inner.is_full, inner.calls.clone());
        drop(inner);
        assert!(!is_full, "more than {CALLS_MAX} calls were made since the last `clear`");
        calls
    }

    /// The calls of one method, such as `Store/get`, that were recorded where they were served.
    ///
    /// # Panics
    /// As for [`all`](Self::all).
    #[track_caller]
    pub fn served(&self, method: &str) -> Vec<RecordedCall> {
        let mut calls = self.all();
        calls.retain(|call| call.is_served && call.method == method);
        calls
    }

    /// The calls of one method, such as `Store/get`, that were recorded where they were made.
    ///
    /// # Panics
    /// As for [`all`](Self::all).
    #[track_caller]
    pub fn made(&self, method: &str) -> Vec<RecordedCall> {
        let mut calls = self.all();
        calls.retain(|call| !call.is_served && call.method == method);
        calls
    }

    /// Forgets all calls, those that are running included.
    pub fn clear(&self) {
        let mut inner = self.lock();
        let cleared = inner.cleared + 1;
        *inner = Inner { cleared, ..Inner::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call that has begun.
    fn begin(&self, call: &Intercepted) -> Running {
        let is_served = call.is_served();
        let method = call.full_method().into_owned();
        let (local, peer) = (call.local().to_owned(), call.peer().to_owned());
        let (from, to) = if is_served { (peer, local) } else { (local, peer) };
        let mut inner = self.lock();
        let place = (inner.cleared, inner.calls.len());
        match inner.calls.len() < CALLS_MAX {
            true => {
                inner.calls.push(RecordedCall { method, from, to, is_served, outcome: None });
            }
            false => inner.is_full = true,
        }
        drop(inner);
        Running { calls: self.clone(), place }
    }
}

impl fmt::Debug for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLog").field("calls", &self.lock().calls.len()).finish()
    }
}

impl Intercept for CallLog {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        let running = self.begin(&call);
        Box::pin(Recording::of(&call, running).follow(call, next))
    }
}

/// A call that runs.
struct Running {
    calls: CallLog,
    /// How often the list had been cleared, and the index in it.
    place: (u64, usize),
}

impl Record for Running {
    fn record(&self, call: &Finished<'_>) {
        let mut inner = self.calls.lock();
        let (cleared, index) = self.place;
        if inner.cleared == cleared
            && let Some(recorded) = inner.calls.get_mut(index)
        {
            recorded.outcome = Some(call.label());
        }
    }
}
