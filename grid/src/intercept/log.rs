//! [`Log`]: a line for each call.

use std::time::Duration;

use tokio::time::Instant;

use super::{Intercept, Intercepted, Intercepting, Next, Outcome};
use crate::error::CallError;

/// Writes a line for each call, through `tracing`: method, peer, outcome, time, and bytes.
///
/// Calls that fail, those that are late included, are written at the level `info`, and others at `debug`. A stream is written when it has ended at the node
/// that serves it, and when it is open at the node that makes it.
#[derive(Debug, Clone, Default)]
pub struct Log {
    slower_than: Option<Duration>,
}

impl Log {
    /// Writes all calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes only calls that take longer, at the level `info`, and those that fail.
    pub fn slower_than(time: Duration) -> Self {
        Self { slower_than: Some(time) }
    }
}

impl Intercept for Log {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        let line = Line {
            method: format!("{}/{}", call.service(), call.method()),
            peer: call.peer().to_owned(),
            is_served: call.is_served(),
            request_bytes: call.request_bytes(),
            began: Instant::now(),
            deadline: call.deadline(),
            slower_than: self.slower_than,
            is_written: false,
        };
        Box::pin(async move {
            let outcome = next.run(call).await;
            line.write(&outcome);
            outcome
        })
    }
}

/// What is written when the call is over, or when this is dropped: then the call was cancelled.
struct Line {
    method: String,
    peer: String,
    is_served: bool,
    request_bytes: usize,
    began: Instant,
    deadline: Option<Instant>,
    slower_than: Option<Duration>,
    is_written: bool,
}

impl Line {
    fn write(mut self, outcome: &Outcome) {
        self.is_written = true;
        self.event(outcome.label(), outcome.answer_bytes(), outcome.error());
    }

    fn event(&self, outcome: &str, answer_bytes: usize, error: Option<CallError>) {
        let Self { method, peer, is_served, request_bytes, began, slower_than, .. } = self;
        let took = began.elapsed();
        let is_slow = slower_than.is_some_and(|limit| took > limit);
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    peer,
                    is_served,
                    outcome,
                    ?took,
                    request_bytes,
                    answer_bytes,
                    error = error.as_ref().map(tracing::field::display),
                    "a call"
                )
            };
        }
        if is_slow || !matches!(outcome, "ok" | "cancelled") {
            write!(info);
        } else if slower_than.is_none() {
            write!(debug);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_written {
            let is_late = self.deadline.is_some_and(|at| at <= Instant::now());
            self.event(if is_late { "deadline_exceeded" } else { "cancelled" }, 0, None);
        }
    }
}
