//! Options that a caller sets before a call starts: deadline, metadata, trace, and whether to wait for a connection.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::proto::Deadline;
use crate::proto::wire::{Meta, TraceContext};

/// Default timeout of single requests, so that no caller waits for ever.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest deadline that can be encoded, about 49 days. A request always has a deadline on the wire.
const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOptions {
    deadline: Option<CallDeadline>,
    /// Deadline inherited from a handler's context. The earlier of this and `timeout` applies.
    at_latest: Option<Instant>,
    pub(super) wait: bool,
    pub(super) meta: Option<Box<Meta>>,
}

#[derive(Debug, Clone, Copy)]
enum CallDeadline {
    After(Duration),
    At(Instant),
}

impl CallOptions {
    /// Returns the deadline of a call that starts now.
    pub(super) fn deadline(&self, now: Instant) -> Option<Deadline> {
        let own = match self.deadline {
            Some(CallDeadline::After(after)) => Some(now + after.min(LONGEST)),
            Some(CallDeadline::At(at)) => Some(at),
            None => None,
        };
        let at = match (own, self.at_latest) {
            (Some(own), Some(latest)) => own.min(latest),
            (own, latest) => own.or(latest)?,
        };
        Some(Deadline { at: at.into_std(), after: at.saturating_duration_since(now) })
    }

    /// Lets the time of the call begin now. Returns its deadline.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Deadline> {
        let deadline = self.deadline(now)?;
        self.set_deadline(Instant::from_std(deadline.at));
        Some(deadline)
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.deadline = Some(CallDeadline::After(timeout));
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(CallDeadline::At(deadline));
    }

    pub(crate) fn set_wait(&mut self) {
        self.wait = true;
    }

    /// Adds a value, in place of the one with the same key.
    pub(crate) fn add_metadata(&mut self, key: String, value: Bytes) {
        let values = &mut self.meta.get_or_insert_default().user;
        match values.iter_mut().find(|(name, _)| *name == key) {
            Some((_, present)) => *present = value,
            None => values.push((key, value)),
        }
    }

    pub(super) fn metadata(&self, key: &str) -> Option<&Bytes> {
        self.meta.as_ref()?.value(key)
    }

    pub(crate) fn set_trace(&mut self, trace: TraceContext) {
        self.meta.get_or_insert_default().trace = Some(trace);
    }

    /// Like [`set_trace`](Self::set_trace), with the W3C `tracestate`.
    pub(super) fn set_trace_with(&mut self, trace: TraceContext, state: Option<String>) {
        let meta = self.meta.get_or_insert_default();
        (meta.trace, meta.state) = (Some(trace), state);
    }

    pub(super) fn trace(&self) -> Option<TraceContext> {
        self.meta.as_ref()?.trace
    }

    pub(super) fn trace_state(&self) -> Option<&str> {
        self.meta.as_ref()?.state.as_deref()
    }

    pub(crate) fn set_within(&mut self, context: &crate::Context) {
        let inherited = context.deadline();
        self.at_latest = match (self.at_latest, inherited) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(trace) = context.trace() {
            self.set_trace_with(trace, context.trace_state().map(str::to_owned));
        }
    }
}

/// Implements the options of every kind of call, at the byte level and typed, over `self.options_mut()`.
macro_rules! call_options {
    () => {
        /// Sets the timeout of the call. It starts with the first poll and includes waiting for a connection.
        ///
        /// Default: the timeout of the method. If it has none, one minute for a single request, and no timeout for a
        /// stream. A stream that is still open at the deadline ends with
        /// [`CallError::DeadlineExceeded`](crate::CallError::DeadlineExceeded).
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options_mut().set_timeout(timeout);
            self
        }

        /// Sets the deadline of the call.
        pub fn deadline(mut self, deadline: tokio::time::Instant) -> Self {
            self.options_mut().set_deadline(deadline);
            self
        }

        /// If there is no connection, waits for one until the deadline instead of failing at once.
        ///
        /// If there is none by then, the call fails with
        /// [`CallError::Disconnected`](crate::CallError::Disconnected), which contains the reason of the last attempt.
        pub fn wait_connected(mut self) -> Self {
            self.options_mut().set_wait();
            self
        }

        /// Sends a value with the call, which the handler reads with [`Context::metadata`](crate::Context::metadata). It takes
        /// the place of one with the same key, also of one that all calls
        /// [over the connection](crate::Connection::with_metadata) carry.
        ///
        /// If the peer does not support metadata, the call fails with
        /// [`CallError::Unsupported`](crate::CallError::Unsupported).
        pub fn metadata(mut self, key: impl Into<String>, value: impl Into<bytes::Bytes>) -> Self {
            self.options_mut().add_metadata(key.into(), value.into());
            self
        }

        /// Makes the call part of a trace, which the handler reads from its [`Context`](crate::Context::trace).
        ///
        /// A peer that does not support metadata receives the call without it.
        pub fn trace(mut self, trace: crate::TraceContext) -> Self {
            self.options_mut().set_trace(trace);
            self
        }

        /// Makes the call part of the call that a handler is serving. It inherits the trace context, and the deadline
        /// if that is earlier than its own.
        pub fn within(mut self, context: &crate::Context) -> Self {
            self.options_mut().set_within(context);
            self
        }
    };
}
pub(crate) use call_options;
