//! The checker: histories that are linearisable and some that are not.

use std::time::Duration;

use grid_kv_oracle::history::{Call, Op, Outcome, Recorder};
use grid_kv_oracle::{Verdict, check, check_revisions, judge, shrink};

use Outcome::{Conflict, Deleted, Read, Unknown, Written};

const NEVER: u64 = u64::MAX;

/// A call that begins and ends at these times.
fn call(began: u64, ended: u64, op: Op, outcome: Outcome) -> Call {
    let time = |at| Duration::from_secs(at);
    let (key, ended) = ("a".to_owned(), (ended != NEVER).then_some(ended));
    let times = (time(began), ended.map(time));
    Call { client: 0, key, op, outcome, revision: None, began, ended, times }
}

fn put(began: u64, ended: u64, value: u64) -> Call {
    call(began, ended, Op::Put(value), if ended == NEVER { Unknown } else { Written })
}

fn get(began: u64, ended: u64, value: impl Into<Option<u64>>) -> Call {
    call(began, ended, Op::Get, Read(value.into()))
}

fn swap(began: u64, ended: u64, from: impl Into<Option<u64>>, to: u64, outcome: Outcome) -> Call {
    call(began, ended, Op::Swap { expect: from.into(), value: to }, outcome)
}

fn delete(began: u64, ended: u64, existed: bool) -> Call {
    call(began, ended, Op::Delete, Deleted { existed })
}

#[test]
fn these_are_linearisable() {
    let histories = [
        vec![],
        vec![get(1, 2, None), put(3, 4, 1), get(5, 6, 1), delete(7, 8, true), get(9, 10, None)],
        // The write takes effect between the reads, and the later read sees it.
        vec![put(1, 10, 1), get(2, 3, None), get(4, 5, 1)],
        // Two concurrent writes, in the order in which they are read.
        vec![put(1, 10, 1), put(1, 10, 2), get(2, 3, 2), get(4, 5, 1), get(11, 12, 1)],
        vec![put(1, 2, 1), swap(3, 9, 1, 2, Written), swap(4, 8, 1, 3, Conflict(Some(2)))],
        vec![delete(1, 2, false), swap(3, 4, None, 1, Written), delete(5, 6, true)],
        // A write of which nothing was heard: never, at once, and late.
        vec![put(1, 2, 1), put(3, NEVER, 2), get(5, 6, 1)],
        vec![put(1, 2, 1), put(3, NEVER, 2), get(5, 6, 2)],
        vec![put(1, 2, 1), put(3, NEVER, 2), get(5, 6, 1), put(7, 8, 3), get(9, 10, 2)],
        // One that waits for another one.
        vec![put(1, NEVER, 1), swap(2, NEVER, 1, 2, Unknown), get(5, 6, None), get(7, 8, 2)],
        vec![put(1, 2, 1), call(3, NEVER, Op::Delete, Unknown), get(5, 6, 1), get(7, 8, None)],
        // A read without an answer says nothing.
        vec![put(1, 2, 1), call(3, NEVER, Op::Get, Unknown), get(5, 6, 1)],
    ];
    for history in histories {
        assert_eq!(check(&history), Verdict::Linearizable, "{history:#?}");
        assert_eq!(judge(&history), Vec::<String>::new());
    }
}

/// Each with the calls of it that are enough to show it.
#[test]
fn these_are_not() {
    let histories = [
        ("a stale read", vec![put(1, 2, 1), put(3, 4, 2), get(5, 6, 1)], 3),
        ("a lost write", vec![put(1, 2, 1), get(3, 4, None)], 2),
        ("a lost delete", vec![put(1, 2, 1), delete(3, 4, true), get(5, 6, 1)], 3),
        ("a value that nobody wrote", vec![put(1, 2, 1), get(3, 4, 2)], 1),
        (
            "a write that is applied twice",
            vec![put(1, 2, 1), get(3, 4, 1), put(5, 6, 2), get(7, 8, 2), get(9, 10, 1)],
            3,
        ),
        (
            "an unknown write that is applied twice",
            vec![put(1, NEVER, 1), get(3, 4, 1), put(5, 6, 2), get(7, 8, 2), get(9, 10, 1)],
            4,
        ),
        (
            "a swap that two have won",
            vec![put(1, 2, 1), swap(3, 6, 1, 2, Written), swap(4, 7, 1, 3, Written)],
            3,
        ),
        ("a conflict that was none", vec![put(1, 2, 1), swap(3, 4, 1, 2, Conflict(Some(1)))], 2),
        (
            "reads that go back while a write is under way",
            vec![put(1, 2, 1), put(3, 20, 2), get(4, 5, 2), get(6, 7, 1)],
            4,
        ),
        (
            "reads that see two writes in different orders",
            vec![put(1, 2, 1), put(1, 2, 2), get(3, 4, 1), get(5, 6, 2)],
            4,
        ),
        ("a write before it began", vec![get(1, 2, 1), put(3, NEVER, 1)], 1),
    ];
    for (name, history, enough) in histories {
        assert_eq!(check(&history), Verdict::Violated, "{name}");
        assert_eq!(judge(&history).len(), 1, "{name}");
        let short = shrink(&history);
        assert_eq!(check(&short), Verdict::Violated, "{name}");
        assert_eq!(short.len(), enough, "{name}: {short:#?}");
    }
}

/// Twenty writes of unknown outcome, of which any part may be in the order, and reads that see some of them.
#[test]
fn many_unknown_outcomes_are_decided_quickly() {
    let mut history: Vec<_> = (1..=20).map(|value| put(value, NEVER, value)).collect();
    history.extend((0..10).map(|at| get(100 + 2 * at, 101 + 2 * at, 20 - at)));
    assert_eq!(check(&history), Verdict::Linearizable);
    // The value that was read first comes back, and each write has been used up.
    history.push(get(200, 201, 20));
    assert_eq!(check(&history), Verdict::Violated);
}

#[test]
fn keys_are_judged_one_by_one() {
    let other = Call { key: "b".to_owned(), ..get(5, 6, None) };
    assert_eq!(judge(&[put(1, 2, 1), other.clone()]), Vec::<String>::new());
    let wrong = judge(&[put(1, 2, 1), other, get(7, 8, None)]);
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].starts_with("a is not linearisable:\n"), "{}", wrong[0]);
}

#[test]
fn revisions_have_the_order_of_the_writes() {
    let with = |call: Call, revision| Call { revision: Some(revision), ..call };
    let right = [with(put(1, 2, 1), 1), with(put(3, 6, 2), 3), with(put(4, 5, 3), 2)];
    assert_eq!(check_revisions(&right), Vec::<String>::new());
    let histories = [
        ("two writes have revision 4", [with(put(1, 2, 1), 4), with(put(3, 4, 2), 4)]),
        ("the later write has the lower", [with(put(1, 2, 1), 4), with(put(3, 4, 2), 3)]),
        ("value 1 has two revisions", [with(put(1, 2, 1), 4), with(get(3, 4, 1), 3)]),
    ];
    for (text, history) in histories {
        let wrong = check_revisions(&history);
        assert!(wrong.len() == 1 && wrong[0].starts_with(text), "{wrong:?}");
    }
}

#[test]
fn a_recorder_keeps_the_order() {
    let recorder = Recorder::default();
    let at = Duration::from_secs;
    let first = recorder.begin(1, "a", Op::Put(recorder.value()), at(1));
    let second = recorder.begin(2, "a", Op::Get, at(1));
    let refused = recorder.begin(3, "a", Op::Put(recorder.value()), at(1));
    recorder.end(second, Read(None), None, at(1));
    recorder.without_effect(refused);
    recorder.end(first, Written, Some(1), at(2));
    let _never_ends = recorder.begin(1, "b", Op::Delete, at(3));
    let found: Vec<_> = recorder.calls().iter().map(|c| (c.client, c.began, c.ended)).collect();
    assert_eq!(found, [(1, 1, Some(5)), (2, 2, Some(4)), (1, 6, None)]);
}
