//! [`Recorder`]: what concurrent clients have asked for and what they were told, in the order of both.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The value of a key. Each write of a history writes another one, so that a value says who has written it.
pub type Value = u64;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Reads the key.
    Get,
    /// Writes the key.
    Put(Value),
    /// Writes the key if it has this value, or does not exist.
    Swap {
        /// What it must have.
        expect: Option<Value>,
        /// What it gets.
        value: Value,
    },
    /// Deletes the key.
    Delete,
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing, or that it may have been done: it takes effect at any time after it began, or never.
    Unknown,
    /// What the key had.
    Read(Option<Value>),
    /// The key was written, also by a swap.
    Written,
    /// The key had something else than expected, and was not changed.
    Conflict(Option<Value>),
    /// The key does not exist any more.
    Deleted {
        /// Whether it did.
        existed: bool,
    },
}

/// An operation of a client on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The client.
    pub client: usize,
    /// The key.
    pub key: String,
    /// What it asks for.
    pub op: Op,
    /// What it is told.
    pub outcome: Outcome,
    /// The revision of the write, or of the value that was read.
    pub revision: Option<u64>,
    /// Its place among all beginnings and ends.
    pub began: u64,
    /// The place of its end. An operation with an unknown outcome has none.
    pub ended: Option<u64>,
    /// When it began and ended, for whoever reads it.
    pub times: (Duration, Option<Duration>),
}

impl Call {
    /// Whether it must have taken effect at some time between its beginning and its end.
    pub fn is_known(&self) -> bool {
        self.ended.is_some() && self.outcome != Outcome::Unknown
    }

    /// Whether it has changed the key for certain.
    pub fn is_change(&self) -> bool {
        matches!(self.outcome, Outcome::Written | Outcome::Deleted { existed: true })
    }

    /// The value that it writes.
    pub fn writes(&self) -> Option<Value> {
        match self.op {
            Op::Put(value) | Op::Swap { value, .. } => Some(value),
            Op::Get | Op::Delete => None,
        }
    }
}

/// A call that has begun.
#[derive(Debug)]
#[must_use = "it has no outcome yet"]
pub struct Begun(usize);

/// Records a history. Clients call it before they send, and after they were answered.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    events: u64,
    values: Value,
    /// One that is known to have had no effect is removed.
    calls: Vec<Option<Call>>,
}

impl Recorded {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value that no write has had.
    pub fn value(&self) -> Value {
        let mut recorded = self.lock();
        recorded.values += 1;
        recorded.values
    }

    /// Records that a client begins an operation at this time.
    pub fn begin(&self, client: usize, key: &str, op: Op, now: Duration) -> Begun {
        let mut recorded = self.lock();
        let (key, began) = (key.to_owned(), recorded.event());
        let (outcome, revision, ended, times) = (Outcome::Unknown, None, None, (now, None));
        recorded.calls.push(Some(Call { client, key, op, outcome, revision, began, ended, times }));
        Begun(recorded.calls.len() - 1)
    }

    /// Records what the client was told. If that never happens, the outcome is unknown.
    pub fn end(&self, begun: Begun, outcome: Outcome, revision: Option<u64>, now: Duration) {
        let mut recorded = self.lock();
        let ended = recorded.event();
        if let Some(Some(call)) = recorded.calls.get_mut(begun.0) {
            (call.outcome, call.revision) = (outcome, revision);
            (call.ended, call.times.1) = (Some(ended), Some(now));
        }
    }

    /// Records that the operation had no effect: it was not sent, or refused. Whoever sees its value then sees one that nobody wrote.
    pub fn without_effect(&self, begun: Begun) {
        if let Some(call) = self.lock().calls.get_mut(begun.0) {
            *call = None;
        }
    }

    /// The calls so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().flatten().cloned().collect()
    }
}

/// The calls of each key.
pub fn by_key(calls: &[Call]) -> BTreeMap<String, Vec<Call>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for call in calls {
        keys.entry(call.key.clone()).or_default().push(call.clone());
    }
    keys
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (began, ended) = (self.times.0.as_secs_f64(), self.times.1);
        let ended = ended.map_or("never".to_owned(), |at| format!("{:.3}", at.as_secs_f64()));
        let places = (self.began, self.ended.map_or("-".to_owned(), |at| at.to_string()));
        write!(f, "{:>5} {:>5} {began:>8.3} {ended:>8} ", places.0, places.1)?;
        write!(f, "client {} {}: ", self.client, self.key)?;
        match self.op {
            Op::Get => f.write_str("get")?,
            Op::Put(value) => write!(f, "put {value}")?,
            Op::Swap { expect, value } => write!(f, "swap {} for {value}", Shown(expect))?,
            Op::Delete => f.write_str("delete")?,
        }
        match self.outcome {
            Outcome::Unknown => f.write_str(" -> unknown")?,
            Outcome::Read(value) => write!(f, " -> {}", Shown(value))?,
            Outcome::Written => f.write_str(" -> written")?,
            Outcome::Conflict(value) => write!(f, " -> conflict with {}", Shown(value))?,
            Outcome::Deleted { existed: true } => f.write_str(" -> deleted")?,
            Outcome::Deleted { existed: false } => f.write_str(" -> was absent")?,
        }
        self.revision.map_or(Ok(()), |revision| write!(f, ", revision {revision}"))
    }
}

/// A value, or that there is none.
struct Shown(Option<Value>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("absent"),
        }
    }
}
