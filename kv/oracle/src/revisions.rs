//! [`check_revisions`]: revisions are those of one order of all writes, of all keys.

use std::collections::HashMap;

use crate::history::{Call, Outcome};

/// What is wrong with the revisions of a history: two writes have the same, one that began after the end of another has a lower one, or
/// a value was read with another revision than it was written with.
pub fn check_revisions(calls: &[Call]) -> Vec<String> {
    let mut wrong = twice(calls);
    wrong.extend(out_of_order(calls));
    wrong.extend(of_values(calls));
    wrong
}

fn changes(calls: &[Call]) -> impl Iterator<Item = (&Call, u64)> {
    calls.iter().filter(|call| call.is_change()).filter_map(|call| Some((call, call.revision?)))
}

fn twice(calls: &[Call]) -> Vec<String> {
    let mut known = HashMap::new();
    let mut wrong = Vec::new();
    for (call, revision) in changes(calls) {
        if let Some(other) = known.insert(revision, call) {
            wrong.push(format!("two writes have revision {revision}:\n{other}\n{call}"));
        }
    }
    wrong
}

fn out_of_order(calls: &[Call]) -> Vec<String> {
    let mut events = Vec::new();
    for (call, revision) in changes(calls) {
        events.push((call.began, call, revision, false));
        events.extend(call.ended.map(|ended| (ended, call, revision, true)));
    }
    events.sort_by_key(|(at, ..)| *at);
    let mut latest: Option<(&Call, u64)> = None;
    let mut floors = HashMap::new();
    let mut wrong = Vec::new();
    for (_, call, revision, is_end) in events {
        if !is_end {
            floors.insert(call.began, latest);
            continue;
        }
        if let Some((earlier, floor)) = floors.remove(&call.began).flatten()
            && revision < floor
        {
            wrong.push(format!("the later write has the lower revision:\n{earlier}\n{call}"));
        }
        if latest.is_none_or(|(_, highest)| revision > highest) {
            latest = Some((call, revision));
        }
    }
    wrong
}

fn of_values(calls: &[Call]) -> Vec<String> {
    let mut known = HashMap::new();
    let mut wrong = Vec::new();
    for call in calls {
        let value = match call.outcome {
            Outcome::Read(value) | Outcome::Conflict(value) => value,
            Outcome::Written => call.writes(),
            _ => None,
        };
        let Some((value, revision)) = value.zip(call.revision) else { continue };
        match known.insert(value, (call, revision)) {
            Some((other, known)) if known != revision => {
                wrong.push(format!("value {value} has two revisions:\n{other}\n{call}"));
            }
            _ => {}
        }
    }
    wrong
}
