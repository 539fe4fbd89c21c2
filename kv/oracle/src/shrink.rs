//! [`shrink`]: the part of a history that shows why it is not linearisable.

use crate::history::{Call, Op, Outcome};
use crate::register::{Verdict, check};

/// Leaves out what does not matter from the calls of one key that are not linearisable. What is left is not linearisable either, and
/// would be if the whole was: only such calls are left out that a linearisable history can do without.
pub fn shrink(calls: &[Call]) -> Vec<Call> {
    let mut calls = first_violation(calls);
    // The latest first: what has led to the violation is left.
    for at in (0..calls.len()).rev() {
        let mut fewer = calls.clone();
        let call = fewer.remove(at);
        if is_dispensable(&call, &fewer) && check(&fewer) == Verdict::Violated {
            calls = fewer;
        }
    }
    calls
}

/// The shortest beginning of the history that is not linearisable.
fn first_violation(calls: &[Call]) -> Vec<Call> {
    let mut ends: Vec<_> = calls.iter().filter_map(|call| call.ended).collect();
    ends.sort_unstable();
    let first = ends.partition_point(|end| check(&until(calls, *end)) != Verdict::Violated);
    ends.get(first).map_or_else(|| calls.to_vec(), |end| until(calls, *end))
}

/// What was known at a time.
fn until(calls: &[Call], end: u64) -> Vec<Call> {
    let begun = calls.iter().filter(|call| call.began <= end).cloned();
    let known = begun.map(|call| match call.ended {
        Some(ended) if ended > end => {
            Call { outcome: Outcome::Unknown, ended: None, revision: None, ..call }
        }
        _ => call,
    });
    known.collect()
}

/// Whether an order of all calls is one of the others as well, when this one is left out.
fn is_dispensable(call: &Call, others: &[Call]) -> bool {
    match (call.op, call.outcome) {
        (Op::Get, _) | (_, Outcome::Conflict(_) | Outcome::Deleted { existed: false }) => true,
        // If nobody has seen the value. A delete sees it as well.
        (Op::Put(value), _) => others.iter().all(|other| {
            let seen = match other.outcome {
                Outcome::Read(found) | Outcome::Conflict(found) => found,
                _ => None,
            };
            let expected = match other.op {
                Op::Swap { expect, .. } => expect,
                _ => None,
            };
            let is_delete = other.outcome == Outcome::Deleted { existed: true };
            seen != Some(value) && expected != Some(value) && !is_delete
        }),
        _ => false,
    }
}
