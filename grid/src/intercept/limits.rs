//! [`RateLimit`] and [`ConcurrencyLimit`]: limits of the calls of each peer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Intercept, Intercepted, Intercepting, Next, Outcome};
use crate::proto::is_guest_name;

/// Full buckets are removed when there are this many more than after the last time.
const NEW_BUCKETS: usize = 1024;

/// What has a counter of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Peer,
    PeerAndMethod,
}

impl Per {
    fn key(self, call: &Intercepted) -> String {
        // A guest has a new name with each connection, so a counter for each would limit nothing.
        let peer = if is_guest_name(call.peer()) { "all guests" } else { call.peer() };
        match self {
            Self::Peer => peer.to_owned(),
            Self::PeerAndMethod => format!("{}/{} of {peer}", call.service(), call.method()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(text: String, retry_after: Option<Duration>) -> Intercepting {
    Box::pin(async move { Outcome::overloaded(text, retry_after) })
}

/// Refuses calls above a rate, with [`ErrorCode::Overloaded`](crate::ErrorCode::Overloaded): their handlers do not run, and
/// callers may try again after [`RemoteError::retry_after`](crate::RemoteError::retry_after), when the rate allows one more
/// call.
///
/// A stream counts once, when it opens. Around calls that this node makes, the peer is the node that is called. All guests
/// count as one peer.
///
/// ```
/// use grid::intercept::{RateLimit, only};
///
/// // Each peer may list 10 times a second, and 5 times at once.
/// let builder = grid::Manager::builder("http://node1:9000")
///     .intercept(only("Files/list", RateLimit::per_peer(10.0, 5)));
/// # let _ = builder;
/// ```
#[derive(Debug)]
pub struct RateLimit {
    per: Per,
    per_second: f64,
    burst: f64,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    by_key: HashMap<String, Bucket>,
    /// How many were left when full ones were removed last.
    kept: usize,
}

/// What is left of a rate.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    /// Each peer may make `per_second` calls a second, and up to `burst` at once.
    pub fn per_peer(per_second: f64, burst: u32) -> Self {
        Self {
            per: Per::Peer,
            per_second,
            burst: f64::from(burst.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// The same for each method of each peer.
    pub fn per_peer_and_method(per_second: f64, burst: u32) -> Self {
        Self { per: Per::PeerAndMethod, ..Self::per_peer(per_second, burst) }
    }

    /// Takes a call from the rate. If there is none, returns after which time there is one, unless that is never.
    fn take(&self, key: &str) -> Result<(), Option<Duration>> {
        let now = Instant::now();
        let (rate, burst) = (self.per_second, self.burst);
        let refilled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + since * rate).min(burst)
        };
        let mut buckets = lock(&self.buckets);
        let Buckets { by_key, kept } = &mut *buckets;
        if by_key.len() > *kept + NEW_BUCKETS {
            by_key.retain(|_, bucket| refilled(bucket) < burst);
            *kept = by_key.len();
        }
        let tokens = by_key.get(key).map_or(burst, refilled);
        let is_allowed = tokens >= 1.0;
        let left = Bucket { tokens: if is_allowed { tokens - 1.0 } else { tokens }, at: now };
        match by_key.get_mut(key) {
            Some(bucket) => *bucket = left,
            None => {
                by_key.insert(key.to_owned(), left);
            }
        }
        match is_allowed {
            true => Ok(()),
            false => Err(Duration::try_from_secs_f64((1.0 - tokens) / rate).ok()),
        }
    }
}

impl Intercept for RateLimit {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        let key = self.per.key(&call);
        match self.take(&key) {
            Ok(()) => next.run(call),
            Err(retry_after) => {
                refused(format!("more than {} calls a second: {key}", self.per_second), retry_after)
            }
        }
    }
}

/// Refuses calls while too many are in flight, with [`ErrorCode::Overloaded`](crate::ErrorCode::Overloaded): their handlers do
/// not run, and callers may try again. When there is room again is not known, so callers are not told.
///
/// A stream that this node serves counts until it has ended, one that it opens until it is open. Around calls that this node
/// makes, the peer is the node that is called. All guests count as one peer.
///
/// ```
/// use grid::intercept::{ConcurrencyLimit, only};
///
/// let builder = grid::Manager::builder("http://node1:9000")
///     .intercept(only("Files/scan", ConcurrencyLimit::per_peer(4)));
/// # let _ = builder;
/// ```
#[derive(Debug)]
pub struct ConcurrencyLimit {
    per: Per,
    max: usize,
    running: Arc<Running>,
}

/// Calls in flight.
type Running = Mutex<HashMap<String, usize>>;

impl ConcurrencyLimit {
    /// Each peer may have `max` calls in flight.
    pub fn per_peer(max: usize) -> Self {
        Self { per: Per::Peer, max, running: Arc::default() }
    }

    /// The same for each method of each peer.
    pub fn per_peer_and_method(max: usize) -> Self {
        Self { per: Per::PeerAndMethod, ..Self::per_peer(max) }
    }

    fn begin(&self, key: String) -> Result<InFlight, String> {
        let mut running = lock(&self.running);
        let count = running.get(&key).copied().unwrap_or(0);
        if count >= self.max {
            return Err(format!("{count} calls in flight: {key}"));
        }
        running.insert(key.clone(), count + 1);
        Ok(InFlight { running: Arc::clone(&self.running), key })
    }
}

/// A call in flight, until this is dropped.
struct InFlight {
    running: Arc<Running>,
    key: String,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        match running.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.key);
            }
        }
    }
}

impl Intercept for ConcurrencyLimit {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        match self.begin(self.per.key(&call)) {
            Err(text) => refused(text, None),
            Ok(place) => Box::pin(async move {
                let outcome = next.run(call).await;
                drop(place);
                outcome
            }),
        }
    }
}
