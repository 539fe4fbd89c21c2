//! [`judge`]: everything that is wrong with a history.

use crate::history::{Call, by_key};
use crate::register::{Verdict, check};
use crate::revisions::check_revisions;
use crate::shrink::shrink;

/// Texts that say what is wrong with a history, each with the calls that show it. Keys are judged one by one: a history is linearisable
/// if that of each object is.
pub fn judge(calls: &[Call]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, calls) in by_key(calls) {
        match check(&calls) {
            Verdict::Linearizable => {}
            Verdict::Violated => {
                wrong.push(format!("{key} is not linearisable:\n{}", lines(&shrink(&calls))));
            }
            Verdict::Undecided => {
                wrong.push(format!("{key}: {} calls are too many to decide", calls.len()));
            }
        }
    }
    wrong.extend(check_revisions(calls));
    wrong
}

fn lines(calls: &[Call]) -> String {
    calls.iter().map(Call::to_string).collect::<Vec<_>>().join("\n")
}
