//! [`lost`]: acknowledged writes that somebody has not found.
//!
//! The checker says whether a history is right. This counts what a wrong one has lost, by the revisions of what was read.

use grid_kv_oracle::history::{Call, Op, Outcome};

/// Acknowledged writes of a register that somebody who came later has not found.
pub(crate) fn lost(calls: &[Call], register: &str) -> u64 {
    let of_register: Vec<_> = calls.iter().filter(|call| call.key == register).collect();
    let is_delete = |call: &&&Call| call.op == Op::Delete;
    let deletes: Vec<_> = of_register.iter().filter(is_delete).copied().collect();
    let is_lost = |write: &&&Call| {
        let is_gone = |later: &&&Call| {
            write.ended.is_some_and(|ended| later.began > ended) && misses(later, write, &deletes)
        };
        write.is_change()
            && of_register.iter().filter(|later| later.is_known()).any(|l| is_gone(&l))
    };
    of_register.iter().filter(is_lost).count() as u64
}

/// Whether a call that began after the end of a write shows that the write is gone.
fn misses(later: &Call, write: &Call, deletes: &[&Call]) -> bool {
    match (later.outcome, later.revision) {
        // The revision of a value is that of the last write.
        (_, Some(revision)) => write.revision.is_some_and(|written| revision < written),
        (Outcome::Read(None) | Outcome::Conflict(None), None)
        | (Outcome::Deleted { existed: false }, None) => {
            // One whose outcome is not known may be the reason as well.
            let explains = |delete: &&Call| !delete.is_known() || delete.revision > write.revision;
            write.outcome == Outcome::Written && !deletes.iter().any(explains)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grid_kv_oracle::history::Value;

    use super::*;

    fn call(op: Op, outcome: Outcome, revision: Option<u64>, began: u64) -> Call {
        Call {
            client: 0,
            key: "0/a".to_owned(),
            op,
            outcome,
            revision,
            began,
            ended: Some(began + 1),
            times: (Duration::ZERO, None),
        }
    }

    fn put(value: Value, revision: u64, began: u64) -> Call {
        call(Op::Put(value), Outcome::Written, Some(revision), began)
    }

    fn found(value: Option<Value>, revision: Option<u64>, began: u64) -> Call {
        call(Op::Get, Outcome::Read(value), revision, began)
    }

    #[test]
    fn a_write_that_a_later_read_does_not_find_is_lost() {
        let calls = [put(1, 5, 1), put(2, 7, 3), found(Some(2), Some(7), 5)];
        assert_eq!(lost(&calls, "0/a"), 0);
        let old = [&calls[..], &[found(Some(1), Some(5), 7)]].concat();
        assert_eq!(lost(&old, "0/a"), 1);
        let none = [&calls[..], &[found(None, None, 7)]].concat();
        assert_eq!(lost(&none, "0/a"), 2);
        let early = [&calls[..], &[found(Some(1), Some(5), 4)]].concat();
        assert_eq!(lost(&early, "0/a"), 0);
    }

    #[test]
    fn a_delete_explains_that_a_key_is_absent() {
        let delete = call(Op::Delete, Outcome::Deleted { existed: true }, Some(8), 3);
        let unknown =
            Call { outcome: Outcome::Unknown, revision: None, ended: None, ..delete.clone() };
        for delete in [delete, unknown] {
            let calls = [put(1, 5, 1), delete, found(None, None, 7)];
            assert_eq!(lost(&calls, "0/a"), 0);
        }
    }
}
