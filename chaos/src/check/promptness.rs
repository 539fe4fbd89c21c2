//! Nothing hangs, and nothing fails without a reason: judges the times and errors of single calls.

use std::time::Duration;

use crate::message::{End, Ended};
use crate::shape::Shape;

/// The errors that faults of links and processes cause. Any other is a fault of a node.
const EXPECTED: [&str; 8] = [
    "ok",
    "dropped",
    "posted",
    "hung",
    "disconnected",
    "deadline_exceeded",
    // The peer shuts down, or this node does.
    "shutting_down",
    "shut_down",
];

/// A node that is silent for this long is taken for dead: two of its intervals between pings.
const SILENCE: Duration = Duration::from_secs(4);

/// Judges the end of each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promptness {
    /// How long after its limit a call may end.
    pub(crate) slack: Duration,
}

impl Promptness {
    /// What is wrong with the end of this call. `is_healthy` says that nothing was wrong with the two nodes and their link, from
    /// its beginning to its end.
    pub(crate) fn judge(self, ended: &Ended, is_healthy: bool) -> Result<(), String> {
        let Ended { end, label, text, late_ms, .. } = ended;
        let late = Duration::from_millis(*late_ms);
        if *end == End::Hung {
            return Err(format!("it has not ended {late:?} after its limit"));
        }
        if late > self.slack {
            return Err(format!("it has ended {late:?} after its limit, as {label}"));
        }
        if !EXPECTED.contains(&label.as_str()) {
            return Err(format!("no fault explains the error {label}: {text}"));
        }
        if is_healthy && label == "disconnected" && !self.explains_silence(text) {
            return Err(format!("it has failed without any fault: {text}"));
        }
        if is_healthy && label == "deadline_exceeded" && self.is_quick(ended) {
            return Err(format!("it was not answered in time, without any fault: {text}"));
        }
        Ok(())
    }

    /// Whether a machine may be so busy that a node takes its peer for dead.
    fn explains_silence(self, text: &str) -> bool {
        self.slack >= SILENCE && text.contains("no sign of life")
    }

    /// Whether a call must be answered before its deadline if nothing is wrong: its handler needs milliseconds, and the deadline
    /// is no shorter than the time that a busy machine is allowed.
    fn is_quick(self, ended: &Ended) -> bool {
        let is_slow = ended.shape.is_stream() || ended.shape == Shape::Slow;
        !is_slow && ended.ended - ended.began >= self.slack
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::id::CallId;

    const PROMPTNESS: Promptness = Promptness { slack: Duration::from_millis(1000) };

    fn ended(end: End, label: &str, late_ms: u64) -> Ended {
        Ended {
            call: CallId(1),
            to: 1,
            shape: Shape::Small,
            end,
            label: label.to_owned(),
            text: "why".to_owned(),
            items: 0,
            began: Moment(0),
            ended: Moment(2_000_000),
            late_ms,
        }
    }

    fn judge(end: End, label: &str, late_ms: u64, is_healthy: bool) -> Result<(), String> {
        PROMPTNESS.judge(&ended(end, label, late_ms), is_healthy)
    }

    #[test]
    fn ends_in_time_and_errors_with_a_reason_pass() {
        assert_eq!(judge(End::Answered, "ok", 0, true), Ok(()));
        assert_eq!(judge(End::Unknown, "deadline_exceeded", 999, false), Ok(()));
        assert_eq!(judge(End::NotRun, "disconnected", 0, false), Ok(()));
        let slow = Ended { shape: Shape::Slow, ..ended(End::Unknown, "deadline_exceeded", 0) };
        assert_eq!(PROMPTNESS.judge(&slow, true), Ok(()));
    }

    #[test]
    fn a_hang_is_noticed() {
        assert!(judge(End::Hung, "hung", 6000, false).unwrap_err().contains("6s"));
    }

    #[test]
    fn a_late_end_is_noticed_whatever_it_is() {
        assert!(judge(End::Answered, "ok", 1001, false).unwrap_err().contains("1.001s"));
        assert!(judge(End::Unknown, "deadline_exceeded", 1001, false).is_err());
    }

    #[test]
    fn an_error_that_no_fault_explains_is_noticed() {
        for label in ["decode", "panicked", "bad_request", "unknown_handler", "limit_reached"] {
            assert!(judge(End::Unknown, label, 0, false).unwrap_err().contains(label));
        }
    }

    #[test]
    fn a_failure_without_a_fault_is_noticed() {
        assert!(judge(End::NotRun, "disconnected", 0, true).is_err());
        let silent =
            Ended { text: "no sign of life".into(), ..ended(End::Unknown, "disconnected", 0) };
        assert!(PROMPTNESS.judge(&silent, true).is_err());
        let on_a_busy_machine = Promptness { slack: Duration::from_secs(10) };
        assert_eq!(on_a_busy_machine.judge(&silent, true), Ok(()));
        assert!(judge(End::Unknown, "deadline_exceeded", 0, true).is_err());
    }
}
