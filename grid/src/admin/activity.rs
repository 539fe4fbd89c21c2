//! [`Activity`]: how many calls there were and how long they took, by method and peer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::durations::Durations;
use super::watcher::Watcher;
use crate::intercept::Finished;
use crate::proto::is_guest_name;

/// Pairs of a method and a peer that are counted apart in one report. The rest is counted together.
const METHODS_MAX: usize = 1024;

/// The peer of all guests, who have a new name with each connection.
const GUESTS: &str = "guests";

/// The method and peer of calls beyond [`METHODS_MAX`].
const OTHERS: &str = "others";

/// The calls that have ended at a node within some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Activity {
    /// The time, in microseconds.
    pub within_us: u64,
    /// The methods that have had calls.
    pub methods: Vec<MethodActivity>,
}

/// The calls of one method with one peer that have ended within some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MethodActivity {
    /// The method as `Service/method`; at the byte level, `handler` with its id. `others` for all beyond 1024 pairs of method
    /// and peer.
    pub method: String,
    /// Name of the other node; `guests` for all guests.
    pub peer: String,
    /// Whether the node has served the calls. Otherwise it has made them.
    pub is_served: bool,
    /// How many there were, by the word for what happened: `ok`, `cancelled`, or the word for the error.
    pub outcomes: BTreeMap<String, u64>,
    /// How long they took.
    pub durations: Durations,
    /// Bytes of all arguments, in encoded form.
    pub request_bytes: u64,
    /// Bytes of all answers, in encoded form.
    pub answer_bytes: u64,
}

impl MethodActivity {
    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.outcomes.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many of them have failed. Those that were cancelled have not.
    pub fn failed(&self) -> u64 {
        let failed =
            self.outcomes.iter().filter(|(word, _)| !matches!(&***word, "ok" | "cancelled"));
        failed.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// Counts calls between two reports.
pub(super) struct Counts(Mutex<Counted>);

struct Counted {
    since: Instant,
    methods: BTreeMap<Key, Method>,
}

/// Whether the calls were served, the peer, and the method.
type Key = (bool, String, String);

#[derive(Default)]
struct Method {
    outcomes: BTreeMap<&'static str, u64>,
    durations: Durations,
    request_bytes: u64,
    answer_bytes: u64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Counted { since: Instant::now(), methods: BTreeMap::new() }))
    }

    pub(super) fn take(&self) -> Activity {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let methods = std::mem::take(&mut counted.methods);
        let since = std::mem::replace(&mut counted.since, Instant::now());
        let within: Duration = counted.since - since;
        drop(counted);
        Activity {
            within_us: u64::try_from(within.as_micros()).unwrap_or(u64::MAX),
            methods: methods.into_iter().map(|(key, method)| method.sent(key)).collect(),
        }
    }
}

impl Watcher for Counts {
    fn see(&self, call: &Finished<'_>) {
        let peer = if is_guest_name(call.peer()) { GUESTS } else { call.peer() };
        let mut key = (call.is_served(), peer.to_owned(), call.full_method().into_owned());
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.methods.len() >= METHODS_MAX && !counted.methods.contains_key(&key) {
            key = (key.0, OTHERS.to_owned(), OTHERS.to_owned());
        }
        counted.methods.entry(key).or_default().add(call);
    }
}

impl Method {
    fn add(&mut self, call: &Finished<'_>) {
        *self.outcomes.entry(call.label()).or_default() += 1;
        self.durations.add(call.took());
        self.request_bytes += call.request_bytes() as u64;
        self.answer_bytes += call.answer_bytes() as u64;
    }

    fn sent(self, (is_served, peer, method): Key) -> MethodActivity {
        let Self { outcomes, durations, request_bytes, answer_bytes } = self;
        let outcomes = outcomes.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
        MethodActivity { method, peer, is_served, outcomes, durations, request_bytes, answer_bytes }
    }
}
