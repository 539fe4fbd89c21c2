//! [`Activity`]: how many calls there were and how long they took, by method and peer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::durations::Durations;
use super::event::micros;
use super::pace::Pace;
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
///
/// A node that has many calls looks at one in some number, [`one_in`](Self::one_in), at random, and each counts for that number: then
/// all figures are estimates. Streams are all counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Activity {
    /// The time, in microseconds.
    pub within_us: u64,
    /// The node has looked at one call in this many, at times perhaps at more. 1: at all of them.
    pub one_in: u32,
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

/// Calls per second that are looked at. A look costs a microsecond or two at a busy node; and half as many are enough to know rates
/// within a percent or two.
const LOOKS_MAX: f64 = 5_000.0;

/// Counts calls between two reports.
pub(super) struct Counts {
    counted: Mutex<Counted>,
    pace: Pace,
}

struct Counted {
    since: Instant,
    /// The largest weight of a call.
    one_in: u32,
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
        let (since, methods) = (Instant::now(), BTreeMap::new());
        let counted = Mutex::new(Counted { since, one_in: 1, methods });
        Self { counted, pace: Pace::new(LOOKS_MAX) }
    }

    pub(super) fn take(&self) -> Activity {
        self.pace.choose();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let methods = std::mem::take(&mut counted.methods);
        let one_in = std::mem::replace(&mut counted.one_in, 1);
        let since = std::mem::replace(&mut counted.since, Instant::now());
        let within: Duration = counted.since - since;
        drop(counted);
        Activity {
            within_us: micros(within),
            one_in,
            methods: methods.into_iter().map(|(key, method)| method.sent(key)).collect(),
        }
    }
}

impl Watcher for Counts {
    fn see(&self, call: &Finished<'_>) {
        let peer = if is_guest_name(call.peer()) { GUESTS } else { call.peer() };
        let mut key = (call.is_served(), peer.to_owned(), call.full_method().into_owned());
        self.pace.seen();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.one_in = counted.one_in.max(call.weight());
        if counted.methods.len() >= METHODS_MAX && !counted.methods.contains_key(&key) {
            key = (key.0, OTHERS.to_owned(), OTHERS.to_owned());
        }
        counted.methods.entry(key).or_default().add(call);
    }

    fn one_in(&self) -> u32 {
        self.pace.one_in()
    }
}

impl Method {
    fn add(&mut self, call: &Finished<'_>) {
        let weight = call.weight().into();
        *self.outcomes.entry(call.label()).or_default() += weight;
        self.durations.add_several(call.took(), weight);
        self.request_bytes += call.request_bytes() as u64 * weight;
        self.answer_bytes += call.answer_bytes() as u64 * weight;
    }

    fn sent(self, (is_served, peer, method): Key) -> MethodActivity {
        let Self { outcomes, durations, request_bytes, answer_bytes } = self;
        let outcomes = outcomes.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
        MethodActivity { method, peer, is_served, outcomes, durations, request_bytes, answer_bytes }
    }
}
