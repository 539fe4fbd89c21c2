//! [`Windows`]: the history in parts that are judged while the run goes on, so that it can be long.
//!
//! Every few seconds clients begin to use new registers. When the last operation on the old ones has ended, they are read once more
//! and their history is judged. Of it only what that read has found is kept, and the writes whose outcome is not known: at the end
//! of the run all registers are read again, and must be as they were, or as one of those writes has left them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid_kv::client::Client;
use grid_kv_oracle::history::{Call, Op, Outcome, Recorder};
use grid_kv_oracle::judge;
use serde::Serialize;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep};

use crate::lost::lost;
use crate::operation::{AUDITOR, REGISTERS, Register, read};
use crate::rest::{Found, Rest};

/// How long registers are used: some hundred operations on each, which are judged in milliseconds.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);

/// How often it is looked whether the last operation of a window has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Reads of the audit at the same time.
const AUDITS: usize = 16;

/// Registers that are used together, and their history.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) number: u64,
    pub(crate) recorder: Recorder,
}

/// Counts of what was judged.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Judged {
    pub(crate) windows: u64,
    pub(crate) operations: u64,
    pub(crate) reads: u64,
    pub(crate) acknowledged: u64,
    pub(crate) conflicts: u64,
    pub(crate) unknown: u64,
    /// Acknowledged writes that a later read has not found.
    pub(crate) lost: u64,
    /// Registers that were read again at the end.
    pub(crate) audited: u64,
}

/// The window that is in use, and what the others have left.
#[derive(Debug)]
pub(crate) struct Windows {
    client: Client,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Arc<Window>,
    judged: Judged,
    rests: Vec<Rest>,
}

impl Windows {
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        let current = Arc::new(Window { number: 0, recorder: Recorder::default() });
        let state = State { current, judged: Judged::default(), rests: Vec::new() };
        Self { client, patience, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window that is in use. Keep it until the operation has ended.
    pub(crate) fn current(&self) -> Arc<Window> {
        Arc::clone(&self.state().current)
    }

    pub(crate) fn judged(&self) -> Judged {
        self.state().judged.clone()
    }

    /// Begins the next window, and returns the one that was in use.
    pub(crate) fn turn(&self) -> Arc<Window> {
        let mut state = self.state();
        let number = state.current.number + 1;
        let next = Arc::new(Window { number, recorder: Recorder::default() });
        std::mem::replace(&mut state.current, next)
    }

    /// Waits for the end of the last operation of a window, reads its registers, and judges it. Returns what is wrong, and the
    /// history if something is.
    pub(crate) async fn close(&self, mut window: Arc<Window>) -> (Vec<String>, Vec<Call>) {
        let window = loop {
            match Arc::try_unwrap(window) {
                Ok(window) => break window,
                Err(shared) => window = shared,
            }
            sleep(LOOK).await;
        };
        let began = Instant::now();
        let mut wrong = Vec::new();
        let mut last = Vec::new();
        for at in 0..REGISTERS.len() {
            let register = Register::new(window.number, at);
            let begun = window.recorder.begin(AUDITOR, &register.name, Op::Get, Duration::ZERO);
            match read(&self.client, &register, 0, self.patience).await {
                Ok((value, revision)) => {
                    window.recorder.end(begun, Outcome::Read(value), revision, began.elapsed());
                    last.push((register, value));
                }
                Err(text) => {
                    // The others would be waited for as long.
                    wrong.push(text);
                    break;
                }
            }
        }
        let calls = window.recorder.calls();
        let rests =
            last.into_iter().map(|(register, last)| Rest::new(&calls, register, last)).collect();
        self.count(&calls, rests);
        let judged = spawn_blocking(move || (judge(&calls), calls)).await;
        match judged {
            Ok((found, calls)) => {
                wrong.extend(found);
                let calls = if wrong.is_empty() { Vec::new() } else { calls };
                (wrong, calls)
            }
            Err(error) => (vec![format!("the judge has failed: {error}")], Vec::new()),
        }
    }

    fn count(&self, calls: &[Call], rests: Vec<Rest>) {
        let count =
            |is: &dyn Fn(&Call) -> bool| calls.iter().filter(|call| is(call)).count() as u64;
        let mut state = self.state();
        let judged = &mut state.judged;
        judged.windows += 1;
        judged.operations += calls.len() as u64;
        judged.reads += count(&|call| call.op == Op::Get && call.is_known());
        judged.acknowledged += count(&|call| call.op != Op::Get && is_acknowledged(call));
        judged.conflicts += count(&|call| matches!(call.outcome, Outcome::Conflict(_)));
        judged.unknown += count(&|call| call.op != Op::Get && !call.is_known());
        for rest in &rests {
            judged.lost += lost(calls, &rest.register.name);
        }
        state.rests.extend(rests);
    }

    /// Reads all registers of all windows once more. Returns those that have lost a write.
    pub(crate) async fn audit(self: &Arc<Self>) -> Vec<String> {
        let rests = std::mem::take(&mut self.state().rests);
        let mut wrong = Vec::new();
        let mut running = JoinSet::new();
        for rest in rests {
            if running.len() >= AUDITS {
                self.audited(running.join_next().await, &mut wrong);
            }
            let (client, patience) = (self.client.clone(), self.patience);
            running.spawn(async move { rest.audit(&client, patience).await });
        }
        while let Some(ended) = running.join_next().await {
            self.audited(Some(ended), &mut wrong);
        }
        wrong
    }

    fn audited(
        &self,
        ended: Option<Result<Result<(), Found>, tokio::task::JoinError>>,
        wrong: &mut Vec<String>,
    ) {
        let mut state = self.state();
        state.judged.audited += 1;
        match ended {
            Some(Ok(Ok(()))) | None => {}
            Some(Ok(Err(Found { text, is_lost }))) => {
                state.judged.lost += u64::from(is_lost);
                wrong.push(text);
            }
            Some(Err(error)) => wrong.push(format!("the audit has failed: {error}")),
        }
    }
}

fn is_acknowledged(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Written | Outcome::Deleted { .. })
}
