//! A check: a name and a function that must succeed within a time-out.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use grid::Connection;
use tokio::time::{Instant, timeout};

/// Why a check failed. The text is for people.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The result of one check.
pub(super) type Checked<T = ()> = Result<T, Wrong>;

type Running = Pin<Box<dyn Future<Output = Checked> + Send>>;

/// Time-out of a check. The longest ones move some megabytes or wait for two seconds.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// A function that must succeed on a connection.
pub struct Check {
    name: String,
    run: Box<dyn FnOnce(Connection) -> Running + Send>,
}

impl Check {
    pub(super) fn new<F, Fut>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = Checked> + Send + 'static,
    {
        Self { name: name.into(), run: Box::new(|connection| Box::pin(run(connection))) }
    }

    /// Runs the check.
    pub async fn run(self, connection: Connection) -> Outcome {
        let start = Instant::now();
        let failure = match timeout(HANGS_AFTER, (self.run)(connection)).await {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(wrong.to_string()),
            Err(_) => Some(format!("still running after {HANGS_AFTER:?}")),
        };
        Outcome { name: self.name, took: start.elapsed(), failure }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// The result of a check. Its `Display` is one line.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// How long it ran.
    pub took: Duration,
    /// Why it failed; `None` if it passed.
    pub failure: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => write!(f, "PASS {} ({:.1?})", self.name, self.took),
            Some(why) => write!(f, "FAIL {}: {why}", self.name),
        }
    }
}

/// A text as a payload.
pub(super) fn text(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

/// Bytes with a pattern that reveals shifted or swapped parts.
pub(super) fn pattern(len: usize) -> Bytes {
    (0..len).map(|position| (position % 251) as u8).collect()
}
