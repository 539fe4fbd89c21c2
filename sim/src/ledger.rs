//! [`Ledger`]: what every call of a run was told and what its handler saw, and which promises were broken.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grid::{CallError, ErrorCode};
use tokio::time::{Duration, Instant};

use crate::call_spec::{ATTEMPT_TIMEOUT, CallSpec, Shape};
use crate::faults::Faults;
use crate::service::{End, Failure, Item};
use crate::trace::Trace;

/// Violations that are kept: after the first one, others follow from it.
const VIOLATIONS_MAX: usize = 20;

/// Timers fire at the next full millisecond, and the base protocol sends deadlines in milliseconds.
const TIMER: Duration = Duration::from_millis(2);

/// A call that begins.
#[derive(Debug, Clone)]
pub(crate) struct CallInfo {
    pub(crate) from: Arc<str>,
    pub(crate) to: Arc<str>,
    pub(crate) spec: CallSpec,
    pub(crate) deadline: Option<Instant>,
}

impl fmt::Display for CallInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} to {}", self.spec.shape, self.from, self.to)
    }
}

/// How a call has ended, for its caller.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With an answer, or the end of its stream.
    Ok,
    Failed(CallError<Failure>),
    /// It is on its way, and nobody waits for it.
    Posted,
    /// The caller has dropped it.
    Dropped,
    /// The task of its caller has ended.
    Lost,
}

/// See the module. All clones are one ledger.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
    trace: Trace,
}

#[derive(Debug)]
struct Inner {
    /// By their ids.
    calls: Vec<Entry>,
    open: usize,
    outcomes: BTreeMap<(Shape, &'static str), u64>,
    violations: Vec<String>,
    faults: Faults,
    /// Nodes have limits that are easily reached.
    has_limits: bool,
}

#[derive(Debug)]
struct Entry {
    call: CallInfo,
    since: Instant,
    runs: u32,
    /// The caller was told that the handler has not run, and will not.
    is_unrun: bool,
    is_over: bool,
    /// Items that the caller has begun to send.
    sent: u32,
    /// The caller has ended its input, after all of its items.
    has_closed: bool,
}

/// What a call may fail by, beside itself.
#[derive(Debug, Clone, Copy)]
struct Context {
    /// There was a fault at one of its nodes or between them since it has begun.
    had_fault: bool,
    has_limits: bool,
}

impl Ledger {
    /// The ledger of a run whose nodes may have limits that are easily reached.
    pub(crate) fn new(trace: Trace, has_limits: bool) -> Self {
        let inner = Inner {
            calls: Vec::new(),
            open: 0,
            outcomes: BTreeMap::new(),
            violations: Vec::new(),
            faults: Faults::new(),
            has_limits,
        };
        Self { inner: Arc::new(Mutex::new(inner)), trace }
    }

    /// Notes a broken promise.
    pub(crate) fn violation(&self, text: fmt::Arguments<'_>) {
        self.trace.add(format_args!("VIOLATION {text}"));
        self.trace.hold();
        let mut inner = self.lock();
        if inner.violations.len() < VIOLATIONS_MAX {
            inner.violations.push(text.to_string());
        }
    }

    /// Notes a call that begins, and returns its id.
    pub(crate) fn begin(&self, call: CallInfo) -> u64 {
        let mut inner = self.lock();
        let id = inner.calls.len() as u64;
        let CallInfo { from, to, spec, .. } = &call;
        self.trace.add(format_args!("{from} -> {to} {:?} {id} begins", spec.shape));
        let entry = Entry {
            call,
            since: Instant::now(),
            runs: 0,
            is_unrun: false,
            is_over: false,
            sent: 0,
            has_closed: false,
        };
        inner.calls.push(entry);
        inner.open += 1;
        id
    }

    /// A handler of this node begins, for this peer.
    pub(crate) fn ran(&self, id: u64, at: &str, peer: &str) {
        self.trace.add(format_args!("{at} serves {id} of {peer}"));
        let broken = self.with(id, |entry| {
            entry.runs += 1;
            let CallInfo { from, to, spec, .. } = &entry.call;
            if (&**to != at && spec.other() != Some(at)) || &**from != peer {
                return Some(format!("was made by {from} to {to}, and served at {at} for {peer}"));
            }
            if entry.is_unrun {
                return Some("runs although its caller was told that it does not".to_owned());
            }
            let (runs, runs_max) = (entry.runs, spec.runs_max());
            (runs > runs_max).then(|| format!("has run {runs} times, of at most {runs_max}"))
        });
        self.broken(id, broken);
    }

    /// The caller is about to send one more item.
    pub(crate) fn sends(&self, id: u64) {
        self.with(id, |entry| entry.sent += 1);
    }

    /// The caller is about to end its input.
    pub(crate) fn closes(&self, id: u64) {
        self.with(id, |entry| entry.has_closed = true);
    }

    /// One end has read an item of a stream.
    pub(crate) fn read(&self, item: &Item, expected: &Item, who: &str) {
        if item != expected {
            let (Item { id: of, index: at, .. }, Item { id, index, .. }) = (item, expected);
            self.violation(format_args!(
                "call {id}: {who} has read item {at} of call {of} in place of item {index}, or with other bytes"
            ));
        }
    }

    /// The handler has read the end of its input, after this many items.
    pub(crate) fn input_ended(&self, id: u64, items: u32) {
        let broken = self.with(id, |entry| {
            let (sent, closed) = (entry.sent, entry.has_closed);
            let is_whole = closed && sent == items;
            (!is_whole).then(|| {
                let open = if closed { "" } else { ", and has not ended its input" };
                format!("read the end of its input after {items} items; its caller has sent {sent}{open}")
            })
        });
        self.broken(id, broken);
    }

    /// The call has ended for its caller.
    pub(crate) fn end(&self, id: u64, outcome: Outcome) {
        let now = Instant::now();
        let label = match &outcome {
            Outcome::Ok => "ok",
            Outcome::Failed(error) => error.label(),
            Outcome::Posted => "posted",
            Outcome::Dropped => "dropped",
            Outcome::Lost => "lost",
        };
        match &outcome {
            Outcome::Failed(error) => self.trace.add(format_args!("{id} failed: {error}")),
            _ => self.trace.add(format_args!("{id} {label}")),
        }
        let context = self.context(id);
        let broken = self.with(id, |entry| {
            debug_assert!(!entry.is_over, "a call has one end");
            entry.is_over = true;
            match &outcome {
                Outcome::Ok => entry.judge_answer(),
                Outcome::Failed(error) => entry.judge_error(error, now, context),
                Outcome::Posted | Outcome::Dropped => None,
                Outcome::Lost => (!entry.call.spec.is_back)
                    .then(|| "the task of its caller has ended".to_owned()),
            }
        });
        self.broken(id, broken);
        let mut inner = self.lock();
        inner.open -= 1;
        let shape = inner.calls[id as usize].call.spec.shape;
        *inner.outcomes.entry((shape, label)).or_default() += 1;
    }

    /// Notes the begin or the end of a fault.
    pub(crate) fn note_fault(&self, note: impl FnOnce(&mut Faults)) {
        note(&mut self.lock().faults);
    }

    fn context(&self, id: u64) -> Context {
        let inner = self.lock();
        let Entry { since, call: CallInfo { from, to, spec, .. }, .. } = &inner.calls[id as usize];
        let had_fault = |to: &str| inner.faults.affect(from, to, *since);
        Context {
            had_fault: had_fault(to) || spec.other().is_some_and(had_fault),
            has_limits: inner.has_limits,
        }
    }

    fn broken(&self, id: u64, broken: Option<String>) {
        if let Some(text) = broken {
            let call = self.with(id, |entry| entry.call.to_string());
            self.violation(format_args!("call {id}, {call}: {text}"));
        }
    }

    /// Calls that have not ended, the first of them as a text.
    pub(crate) fn open(&self) -> Option<String> {
        let inner = self.lock();
        let (id, first) = inner.calls.iter().enumerate().find(|(_, entry)| !entry.is_over)?;
        Some(format!("{} calls, among them {id}, {}", inner.open, first.call))
    }

    pub(crate) fn outcomes(&self) -> BTreeMap<(Shape, &'static str), u64> {
        self.lock().outcomes.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    fn with<T>(&self, id: u64, look: impl FnOnce(&mut Entry) -> T) -> T {
        look(&mut self.lock().calls[id as usize])
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn judge_answer(&self) -> Option<String> {
        if self.call.spec.end != End::Well {
            return Some("has an answer although its handler fails".to_owned());
        }
        (self.runs == 0).then(|| "was answered and has not run".to_owned())
    }

    fn judge_error(
        &mut self,
        error: &CallError<Failure>,
        now: Instant,
        context: Context,
    ) -> Option<String> {
        if self.call.spec.is_safe && error.may_have_run() {
            return Some(format!("was lost by a shutdown: {error}"));
        }
        if !error.may_have_run() {
            self.is_unrun = true;
            if self.runs > 0 {
                return Some(format!("has run, and its caller was told that it has not: {error}"));
            }
        }
        (!self.expects(error, now, context)).then(|| format!("must not fail with {error:?}"))
    }

    /// Whether a call may fail like this.
    fn expects(&self, error: &CallError<Failure>, now: Instant, context: Context) -> bool {
        let Context { had_fault, has_limits } = context;
        let CallInfo { spec, deadline, .. } = &self.call;
        let is_late = deadline.is_some_and(|deadline| now + TIMER >= deadline)
            || (spec.attempts > 1 && now + TIMER >= self.since + ATTEMPT_TIMEOUT);
        match error {
            CallError::Handler(Failure::Asked) => spec.end == End::Fails && self.runs > 0,
            // The handler was cut off from its caller, whose own end is still under way.
            CallError::Handler(Failure::Closed(_) | Failure::Input(_)) => {
                spec.shape.is_stream() && (had_fault || is_late || has_limits)
            }
            CallError::Remote(error) => match error.code {
                ErrorCode::Panicked => spec.end == End::Panics && self.runs > 0,
                ErrorCode::DeadlineExceeded => is_late,
                ErrorCode::Overloaded => has_limits,
                // There is no room for its answer.
                ErrorCode::Handler => has_limits && self.runs > 0,
                ErrorCode::ShuttingDown => had_fault,
                // The base protocol has no codes, and a stream that has no memory left has none of its own.
                ErrorCode::Text => spec.is_base || (spec.shape.is_stream() && has_limits),
                _ => false,
            },
            CallError::DeadlineExceeded { .. } => is_late,
            CallError::Disconnected { .. } | CallError::ShutDown => had_fault,
            CallError::LimitReached { .. } => has_limits,
            CallError::PostsFull { .. } => spec.shape == Shape::Note && has_limits,
            _ => false,
        }
    }
}
