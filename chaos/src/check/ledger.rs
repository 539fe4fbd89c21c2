//! At most once, and exactly once: compares how calls have ended with which handlers have run.
//!
//! A handler's run is reported before anything else that it does, into a pipe that outlives the process. So a killed callee
//! loses nothing that is known of it; of the calls of a killed caller, only the ends are unknown.

use std::collections::HashMap;

use crate::id::{CallId, Life};
use crate::message::End;

/// No process makes as many calls. A larger number is no call's, and must not make the table large.
const CALLS_MAX: u64 = 1 << 28;

/// What is known of one call.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// How often its handler has run.
    runs: u8,
    end: Option<End>,
}

/// All calls of all processes of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: HashMap<Life, Vec<Entry>>,
}

impl Ledger {
    /// A handler has run for this call.
    pub(crate) fn ran(&mut self, call: CallId) -> Result<(), String> {
        let entry = self.entry(call)?;
        entry.runs = entry.runs.saturating_add(1);
        match (entry.runs, entry.end) {
            (1, Some(End::NotRun)) => {
                Err("it has run, but its caller was told that it cannot".into())
            }
            (1, _) => Ok(()),
            (runs, _) => Err(format!("it has run {runs} times")),
        }
    }

    /// A call has ended for its caller.
    pub(crate) fn ended(&mut self, call: CallId, end: End) -> Result<(), String> {
        let entry = self.entry(call)?;
        match (entry.end.replace(end), entry.runs) {
            (Some(earlier), _) => Err(format!("it has ended twice: {earlier:?} and {end:?}")),
            (None, 1..) if end == End::NotRun => {
                Err("its caller was told that it cannot have run, but it has".into())
            }
            _ => Ok(()),
        }
    }

    /// When all reports were read: the calls that were answered without having run.
    pub(crate) fn answered_by_nobody(&self) -> Vec<CallId> {
        let mut calls = Vec::new();
        for (life, entries) in &self.calls {
            for (number, entry) in (0..).zip(entries) {
                if (entry.runs, entry.end) == (0, Some(End::Answered)) {
                    calls.push(CallId::new(*life, number));
                }
            }
        }
        calls.sort();
        calls
    }

    /// Calls that are known to have run.
    pub(crate) fn runs(&self) -> u64 {
        self.calls.values().flatten().map(|entry| u64::from(entry.runs)).sum()
    }

    fn entry(&mut self, call: CallId) -> Result<&mut Entry, String> {
        if call.number() >= CALLS_MAX {
            return Err("nobody has made this call".into());
        }
        let entries = self.calls.entry(call.caller()).or_default();
        let index = call.number() as usize;
        if entries.len() <= index {
            entries.resize(index + 1, Entry::default());
        }
        Ok(&mut entries[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64) -> CallId {
        CallId::new(Life { node: 1, run: 2 }, number)
    }

    #[test]
    fn what_may_happen_passes() {
        let mut ledger = Ledger::default();
        let ends = [End::Answered, End::Unknown, End::Dropped, End::NotRun];
        for (number, end) in (0..).zip(ends) {
            assert_eq!(ledger.ended(call(number), end), Ok(()));
        }
        // The reports of the callee may be read later.
        for number in 0..3 {
            assert_eq!(ledger.ran(call(number)), Ok(()));
        }
        // The end of the next one is not known, because its caller was killed.
        assert_eq!(ledger.ran(call(9)), Ok(()));
        assert_eq!((ledger.answered_by_nobody(), ledger.runs()), (vec![], 4));
    }

    #[test]
    fn a_doubled_execution_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.ran(call(5)).unwrap();
        assert!(ledger.ran(call(5)).unwrap_err().contains("2 times"));
        // Also after the call has ended, and of a caller that knows nothing.
        ledger.ran(call(6)).unwrap();
        ledger.ended(call(6), End::Answered).unwrap();
        assert!(ledger.ran(call(6)).is_err());
    }

    #[test]
    fn a_call_that_cannot_have_run_must_not_have() {
        let mut ledger = Ledger::default();
        ledger.ended(call(1), End::NotRun).unwrap();
        assert!(ledger.ran(call(1)).is_err());
        ledger.ran(call(2)).unwrap();
        assert!(ledger.ended(call(2), End::NotRun).is_err());
    }

    #[test]
    fn an_answer_without_an_execution_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.ended(call(1), End::Answered).unwrap();
        assert_eq!(ledger.answered_by_nobody(), [call(1)]);
        ledger.ran(call(1)).unwrap();
        assert_eq!(ledger.answered_by_nobody(), []);
    }

    #[test]
    fn an_end_that_comes_twice_and_an_id_of_nobody_are_noticed() {
        let mut ledger = Ledger::default();
        ledger.ended(call(1), End::Answered).unwrap();
        assert!(ledger.ended(call(1), End::Unknown).unwrap_err().contains("twice"));
        assert!(ledger.ran(call(1 << 39)).unwrap_err().contains("nobody"));
    }
}
