//! Is told everything that happens, passes it to the checks, and keeps the violations.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::logs::Logs;
use super::progress::Progress;
use super::violation::Violation;
use crate::check::{
    Flatness, Growth, Ledger, Outcome, Promptness, Recoveries, Sample, Tally, Troubles,
    sample_every,
};
use crate::clock::Moment;
use crate::fault::{Kind, Place};
use crate::id::{CallId, Life};
use crate::message::{End, Ended, Wrong};
use crate::pair::Pair;

/// Further violations are counted and not kept, and the run ends: they are effects of the first ones.
const VIOLATIONS_MAX: usize = 20;

/// The part of a run in which resources may grow, at most a minute.
const WARM_UP_PART: u32 = 6;
const WARM_UP_MAX: Duration = Duration::from_secs(60);

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long after its deadline a call may end.
    pub(super) slack: Duration,
    /// How long a pair may need to recover.
    pub(super) recovery: Duration,
}

impl Limits {
    /// A time that a quick machine needs at most. With more slack the machine is a busy one.
    pub(super) fn patient(self, time: Duration) -> Duration {
        time.max(5 * self.slack)
    }
}

/// Judges a run.
#[derive(Debug)]
pub(super) struct Judge {
    state: Mutex<State>,
    pub(super) limits: Limits,
    flatness: Flatness,
    started: Moment,
    progress: Progress,
    gave_up: watch::Sender<bool>,
}

/// A fault or a recovery.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Event {
    /// Since the start of the run.
    at_ms: u64,
    what: &'static str,
    kind: Kind,
    place: String,
}

/// What is known so far.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    pub(super) troubles: Troubles,
    pub(super) recoveries: Recoveries,
    pub(super) lives: BTreeMap<Life, Vec<Sample>>,
    pub(super) logs: Logs,
    pub(super) timeline: Vec<Event>,
    pub(super) violations: Vec<Violation>,
    /// Including those that are not kept.
    pub(super) violation_count: u64,
}

impl Judge {
    pub(super) fn new(nodes: u8, limits: Limits, time: Duration, progress: Progress) -> Self {
        let warm_up = (time / WARM_UP_PART).min(WARM_UP_MAX);
        let warm_up = (warm_up.as_millis() / sample_every(time).as_millis()) as usize;
        let state = State {
            ledger: Ledger::default(),
            tally: Tally::default(),
            troubles: Troubles::new(nodes),
            recoveries: Recoveries::default(),
            lives: BTreeMap::new(),
            logs: Logs::new(nodes),
            timeline: Vec::new(),
            violations: Vec::new(),
            violation_count: 0,
        };
        Self {
            state: Mutex::new(state),
            limits,
            flatness: Flatness { warm_up },
            started: Moment::now(),
            progress,
            gave_up: watch::Sender::new(false),
        }
    }

    /// A handler has run at this node.
    pub(super) fn ran(&self, at: Life, call: CallId) {
        let checked = self.state().ledger.ran(call);
        self.check(&[call.caller().node, at.node], Some(call), checked);
    }

    /// A call has ended at its caller.
    pub(super) fn ended(&self, ended: &Ended) {
        let Ended { call, to, shape, end, label, .. } = ended;
        let nodes = [call.caller().node, *to];
        let (of_ledger, is_prompt) = {
            let mut state = self.state();
            state.tally.add(ended);
            let of_ledger = state.ledger.ended(*call, *end);
            let pair = Pair::new(nodes[0], nodes[1]);
            let is_healthy = state.troubles.were_healthy(pair, ended.began, ended.ended);
            if *end == End::Answered
                && let Some((kind, outcome)) =
                    state.troubles.answered(nodes[0], nodes[1], ended.began, ended.ended)
            {
                state.recoveries.add(kind, outcome);
                let event = self.event("recovered", kind, Place::Pair(pair));
                state.timeline.push(event);
            }
            let promptness = Promptness { slack: self.limits.slack };
            (of_ledger, promptness.judge(ended, is_healthy))
        };
        for checked in [of_ledger, is_prompt] {
            let checked =
                checked.map_err(|what| format!("{} call ({label}): {what}", shape.name()));
            self.check(&nodes, Some(*call), checked);
        }
    }

    /// A check of a node has failed.
    pub(super) fn wrong(&self, at: Life, wrong: &Wrong) {
        self.violation(&[at.node, wrong.peer], Some(wrong.call), &wrong.what);
    }

    pub(super) fn begin(&self, place: Place, kind: Kind) {
        let mut state = self.state();
        state.timeline.push(self.event("begins", kind, place));
        for overtaken in state.troubles.begin(place, kind, Moment::now()) {
            state.recoveries.add(overtaken, Outcome::Overtaken);
        }
    }

    /// A fault is over. `has_happened` is false if there was nothing to be done, as there was no connection.
    pub(super) fn end(&self, place: Place, kind: Kind, has_happened: bool) {
        let mut state = self.state();
        state.timeline.push(self.event("is over", kind, place));
        if has_happened {
            state.recoveries.fault(kind);
        }
        state.troubles.end(place, kind, Moment::now());
    }

    fn event(&self, what: &'static str, kind: Kind, place: Place) -> Event {
        let at_ms = (Moment::now() - self.started).as_millis() as u64;
        Event { at_ms, what, kind, place: place.to_string() }
    }

    /// Looks for pairs that have not recovered in time.
    pub(super) fn look_for_overdue(&self) {
        let overdue = self.state().troubles.overdue(Moment::now(), self.limits.recovery);
        for (pair, kind, silent) in overdue {
            let (max, kind) = (self.limits.recovery, kind.name());
            let what = format!(
                "{pair} have not recovered from a {kind} within {max:?}: no call of {silent} was answered"
            );
            self.violation(&pair.nodes(), None, &what);
        }
    }

    /// Waits until all pairs have recovered, at most for this time. Returns whether they have.
    pub(super) async fn recovered(&self, max: Duration) -> bool {
        let deadline = Instant::now() + max;
        while !self.state().troubles.are_over() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    pub(super) fn sample(&self, life: Life, sample: Sample) {
        self.state().lives.entry(life).or_default().push(sample);
    }

    pub(super) fn log(&self, node: u8, line: String) {
        self.state().logs.push(node, line);
    }

    /// All reports were read: checks what can be judged only now.
    pub(super) fn close(&self) {
        let by_nobody = self.state().ledger.answered_by_nobody();
        for call in by_nobody {
            let what = "it was answered without having run";
            self.violation(&[call.caller().node], Some(call), what);
        }
        for (life, growth) in self.growths() {
            if let Some(what) = growth.wrong {
                self.violation(&[life.node], None, &format!("{life} {what}"));
            }
        }
    }

    /// What the processes that lived for long enough have used.
    pub(super) fn growths(&self) -> Vec<(Life, Growth)> {
        let state = self.state();
        let of = |(life, samples): (&Life, &Vec<Sample>)| {
            self.flatness.judge(samples).map(|growth| (*life, growth))
        };
        state.lives.iter().filter_map(of).collect()
    }

    fn check(&self, nodes: &[u8], call: Option<CallId>, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.violation(nodes, call, &what);
        }
    }

    /// Notes and prints what must not be.
    pub(super) fn violation(&self, nodes: &[u8], call: Option<CallId>, what: &str) {
        let now = Moment::now();
        let mut state = self.state();
        state.violation_count += 1;
        if state.violations.len() == VIOLATIONS_MAX {
            self.gave_up.send_replace(true);
            return;
        }
        let logs = nodes
            .iter()
            .flat_map(|node| state.logs.last(*node).map(move |line| format!("node{node}: {line}")));
        let violation = Violation {
            at: now - self.started,
            what: what.to_owned(),
            nodes: nodes.to_vec(),
            call,
            faults: state.troubles.describe(nodes, now),
            logs: logs.collect(),
        };
        self.progress.print(&violation.to_string());
        state.violations.push(violation);
    }

    /// Waits until there are [`VIOLATIONS_MAX`] violations: more would not help to find the cause.
    pub(super) async fn given_up(&self) {
        // Fails only without a sender, which is in `self`.
        let _ = self.gave_up.subscribe().wait_for(|gave_up| *gave_up).await;
    }

    /// Must not be kept over an await, or while the judge is told something.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
