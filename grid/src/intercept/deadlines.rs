//! [`Deadlines`]: how much time calls get.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Intercept, Intercepted, Intercepting, Next, Observe, Outcome};
use crate::error::ErrorCode;

/// Bounds the time of calls, whatever their callers ask for.
///
/// For a service or a method, use it with [`only`](super::only).
///
/// ```
/// use std::time::Duration;
/// use grid::intercept::{Deadlines, only};
///
/// let builder = grid::Manager::builder("http://node1:9000")
///     .intercept(only("Files", Deadlines::new().longest(Duration::from_secs(30))));
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Deadlines {
    shortest: Option<Duration>,
    longest: Option<Duration>,
    default: Option<Duration>,
    gap: Option<Duration>,
}

impl Deadlines {
    /// Bounds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses calls with less time left, as [`ErrorCode::BadRequest`]: their callers would not see the answer, and the handlers
    /// do not run. Default: all calls run.
    pub fn shortest(self, time: Duration) -> Self {
        Self { shortest: Some(time), ..self }
    }

    /// Ends calls after this time, streams included. Default: when their callers say.
    pub fn longest(self, time: Duration) -> Self {
        Self { longest: Some(time), ..self }
    }

    /// Ends calls without a deadline after this time: streams, mostly, as a single request always has one. Default: never.
    pub fn default_time(self, time: Duration) -> Self {
        Self { default: Some(time), ..self }
    }

    /// Ends streams that this node serves after this time without an item in either direction. Default: never.
    pub fn longest_gap(self, time: Duration) -> Self {
        Self { gap: Some(time), ..self }
    }
}

impl Intercept for Deadlines {
    fn intercept(&self, mut call: Intercepted, next: Next) -> Intercepting {
        let left = call.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        if let (Some(left), Some(shortest)) = (left, self.shortest)
            && left < shortest
        {
            let text = format!(
                "{}/{} needs {shortest:?}, and its caller {} leaves {left:?}",
                call.service(),
                call.method(),
                if call.is_served() { call.peer() } else { call.local() },
            );
            return Box::pin(async { Outcome::refuse(ErrorCode::BadRequest, text) });
        }
        let default = self.default.filter(|_| left.is_none());
        for time in [self.longest, default].into_iter().flatten() {
            call.within(time);
        }
        // A gap of centuries is none.
        let gap =
            self.gap.filter(|gap| Instant::now().checked_add(gap.saturating_mul(2)).is_some());
        match gap.filter(|_| call.is_stream() && call.is_served()) {
            Some(gap) => Box::pin(until_silent(gap, call, next)),
            None => next.run(call),
        }
    }
}

/// When the last item of a stream was sent or received.
#[derive(Clone)]
struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe for Activity {
    fn sent(&self, _: usize) {
        self.note();
    }

    fn received(&self, _: usize) {
        self.note();
    }
}

/// Passes a stream on until it has no items for this long.
async fn until_silent(gap: Duration, mut call: Intercepted, next: Next) -> Outcome {
    let activity = Activity(Arc::new(Mutex::new(Instant::now())));
    call.observe(activity.clone());
    let method = format!("{}/{}", call.service(), call.method());
    let mut running = next.run(call);
    loop {
        let silent_at = activity.last() + gap;
        match timeout_at(silent_at, &mut running).await {
            Ok(outcome) => return outcome,
            Err(_) if activity.last() + gap > silent_at => {}
            Err(_) => {
                let text = format!("no item of {method} for {gap:?}");
                return Outcome::refuse(ErrorCode::DeadlineExceeded, text);
            }
        }
    }
}
