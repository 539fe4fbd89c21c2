//! One check: a name and what must hold, run with a time-out.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use grid::Connection;
use tokio::time::{Instant, timeout};

/// What is wrong; the text is for people.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The result of one check.
pub(super) type Checked<T = ()> = Result<T, Wrong>;

type Running = Pin<Box<dyn Future<Output = Checked> + Send>>;

/// A check that takes longer hangs. The longest ones move some megabytes or wait for two seconds.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// Something that must hold for a connection.
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

    /// Runs it.
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

/// What came of a check. Displayed, it is one line.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// How long it ran.
    pub took: Duration,
    /// Why it failed, if it did.
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

/// Bytes in which a shifted or swapped part would show.
pub(super) fn pattern(len: usize) -> Bytes {
    (0..len).map(|position| (position % 251) as u8).collect()
}
