//! [`check`]: whether the calls of one key are linearisable.
//!
//! A search for an order in which every call takes effect between its beginning and its end, as Wing and Gong describe it, that
//! remembers which sets of calls have led to which value, as Lowe does. Calls with an unknown outcome may be in the order or not.

use std::collections::HashSet;

use crate::history::{Call, Op, Outcome, Value};

/// Steps after which the search gives up. A simulated history takes some hundred; this many take seconds, and some 300 MB.
const STEPS_MAX: usize = 2_000_000;

/// The result of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains all outcomes.
    Linearizable,
    /// There is none.
    Violated,
    /// The search has taken too long.
    Undecided,
}

/// Whether the calls of one key, which does not exist at first, are linearisable. Their order in the slice does not matter.
pub fn check(calls: &[Call]) -> Verdict {
    // A read without an answer says nothing.
    let is_relevant = |call: &&Call| call.is_known() || call.op != Op::Get;
    let mut calls: Vec<_> = calls.iter().filter(is_relevant).collect();
    calls.sort_by_key(|call| call.began);
    Search { calls, seen: HashSet::new() }.run()
}

/// What the key has after the call, or `None` if its outcome is not that of a call now. An unknown one without effect is `None` as well:
/// it need not be in the order.
fn after(call: &Call, now: Option<Value>) -> Option<Option<Value>> {
    let is_known = call.is_known();
    let next = match (call.op, call.outcome) {
        (Op::Get, Outcome::Read(value)) => (value == now).then_some(now),
        (Op::Put(value), Outcome::Written) => Some(Some(value)),
        (Op::Swap { expect, value }, Outcome::Written) => (expect == now).then_some(Some(value)),
        (Op::Swap { expect, .. }, Outcome::Conflict(found)) => {
            (found == now && found != expect).then_some(now)
        }
        (Op::Delete, Outcome::Deleted { existed }) => (existed == now.is_some()).then_some(None),
        (Op::Put(value), Outcome::Unknown) => Some(Some(value)),
        (Op::Swap { expect, value }, Outcome::Unknown) => (expect == now).then_some(Some(value)),
        (Op::Delete, Outcome::Unknown) => Some(None),
        // Not an outcome of this operation.
        _ => None,
    };
    next.filter(|next| is_known || *next != now)
}

/// The calls that are in the order: a bit each.
type Placed = Box<[u64]>;

fn contains(placed: &Placed, at: usize) -> bool {
    placed[at / 64] >> (at % 64) & 1 == 1
}

/// A beginning of an order.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Prefix {
    placed: Placed,
    value: Option<Value>,
    /// Whether the last call has an unknown outcome. It need not be there unless somebody notices it.
    ends_unknown: bool,
}

struct Search<'a> {
    /// In the order in which they began.
    calls: Vec<&'a Call>,
    /// Those that were looked at.
    seen: HashSet<Prefix>,
}

impl Search<'_> {
    fn run(mut self) -> Verdict {
        let placed = vec![0; self.calls.len().div_ceil(64)].into();
        let mut left = vec![Prefix { placed, value: None, ends_unknown: false }];
        while let Some(prefix) = left.pop() {
            if !self.seen.insert(prefix.clone()) {
                continue;
            }
            if self.seen.len() > STEPS_MAX {
                return Verdict::Undecided;
            }
            let Some(first_end) = self.first_end(&prefix) else { return Verdict::Linearizable };
            left.extend(self.longer(&prefix, first_end));
        }
        Verdict::Violated
    }

    /// The first end of the calls that are to be placed: what begins after it is after that call in the order.
    fn first_end(&self, prefix: &Prefix) -> Option<u64> {
        let calls = self.calls.iter().enumerate();
        let left = calls.filter(|(at, call)| call.is_known() && !contains(&prefix.placed, *at));
        left.filter_map(|(_, call)| call.ended).min()
    }

    /// Longer by one call, the most likely one last.
    fn longer(&self, prefix: &Prefix, first_end: u64) -> Vec<Prefix> {
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for (at, call) in self.calls.iter().enumerate() {
            if call.began > first_end {
                break;
            }
            if contains(&prefix.placed, at) {
                continue;
            }
            // Nobody has seen the value of the last call, which may as well not be there.
            if prefix.ends_unknown && matches!(call.op, Op::Put(_)) {
                continue;
            }
            let Some(value) = after(call, prefix.value) else { continue };
            let mut placed = prefix.placed.clone();
            placed[at / 64] |= 1 << (at % 64);
            let next = Prefix { placed, value, ends_unknown: !call.is_known() };
            // It changes nothing and can be here: an order that has it later is one with it here as well.
            if call.is_known() && value == prefix.value {
                return vec![next];
            }
            if call.is_known() { &mut known } else { &mut unknown }.push((call.ended, next));
        }
        known.sort_by_key(|(ended, _)| std::cmp::Reverse(*ended));
        unknown.into_iter().chain(known).map(|(_, next)| next).collect()
    }
}
