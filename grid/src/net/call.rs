//! Calls at the byte level: futures that start on their first poll, carry their options, and cancel when dropped.
//!
//! Nothing here is generic and nothing is timed here: the link has the deadline, so a call is small, `Unpin` and
//! `'static`, and goes into `spawn`, `select!` or `join_all` as it is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::FusedFuture;
use tokio::time::Instant;

use super::connection::Connection;
use super::halves::{RawReceiver, RawSender, halves};
use crate::error::{CallError, CodecError, Failure};
use crate::proto::wire::{HandlerId, Meta, TraceContext};
use crate::proto::{CallFailure, CallSpec, Capacities, Deadline, Half, Key, Side};

/// Deadline of a single request that was given none, so that no caller waits for ever.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time that fits into a message, some 49 days. A request always has a deadline on the wire.
const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

/// What may be said about a call before it starts.
#[derive(Debug, Default)]
pub(crate) struct CallOptions {
    deadline: Option<CallDeadline>,
    /// A handler's context sets this one; the earlier of both counts.
    at_latest: Option<Instant>,
    wait: bool,
    meta: Option<Box<Meta>>,
}

#[derive(Debug, Clone, Copy)]
enum CallDeadline {
    After(Duration),
    At(Instant),
}

impl CallOptions {
    /// The deadline, now that the call starts.
    fn deadline(&self, now: Instant) -> Option<Deadline> {
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

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.deadline = Some(CallDeadline::After(timeout));
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(CallDeadline::At(deadline));
    }

    pub(crate) fn set_wait(&mut self) {
        self.wait = true;
    }

    pub(crate) fn add_metadata(&mut self, key: String, value: Bytes) {
        self.meta.get_or_insert_default().user.push((key, value));
    }

    pub(crate) fn set_trace(&mut self, trace: TraceContext) {
        self.meta.get_or_insert_default().trace = Some(trace);
    }

    pub(crate) fn set_within(&mut self, context: &crate::Context) {
        let inherited = context.deadline();
        self.at_latest = match (self.at_latest, inherited) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(trace) = context.trace() {
            let meta = self.meta.get_or_insert_default();
            meta.trace = Some(trace);
            meta.state = context.trace_state().map(str::to_owned);
        }
    }
}

/// A call or stream on its way, whatever its kind.
#[derive(Debug)]
struct Start {
    connection: Connection,
    state: Progress,
    options: CallOptions,
}

#[derive(Debug)]
enum Progress {
    New {
        handler: HandlerId,
        payload: Result<Option<Bytes>, CodecError>,
        stream: Option<Capacities>,
    },
    Started(Key),
    Over,
}

impl Start {
    fn new(
        connection: Connection,
        handler: HandlerId,
        payload: Result<Option<Bytes>, CodecError>,
        stream: Option<Capacities>,
        timeout: Option<Duration>,
    ) -> Self {
        let options =
            CallOptions { deadline: timeout.map(CallDeadline::After), ..CallOptions::default() };
        Self { connection, state: Progress::New { handler, payload, stream }, options }
    }

    /// Starts the call if it has not been, and asks `look` for its outcome, which ends it here.
    fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        look: impl FnOnce(&mut crate::proto::Link, Key) -> Option<Result<T, CallFailure>>,
    ) -> Poll<Result<(Key, T), Failure>> {
        let peer = self.connection.link();
        let started = match std::mem::replace(&mut self.state, Progress::Over) {
            Progress::New { payload: Err(error), .. } => {
                return Poll::Ready(Err(Failure::Encode(error)));
            }
            Progress::New { handler, payload: Ok(payload), stream } => {
                let now = Instant::now();
                let deadline = self.options.deadline(now);
                let spec = CallSpec {
                    handler,
                    subroute: self.connection.subroute_id(handler),
                    payload,
                    deadline,
                    stream,
                    meta: self.options.meta.take(),
                    wait: self.options.wait,
                };
                let now = now.into_std();
                peer.with(|shared| {
                    let key = shared.link.start_call(now, &spec)?;
                    shared.waiters.wait(Side::Caller, key, Half::Reader, cx);
                    Ok((key, None))
                })
            }
            Progress::Started(key) => {
                let mut shared = peer.lock();
                let outcome = look(&mut shared.link, key);
                if outcome.is_none() {
                    shared.waiters.wait(Side::Caller, key, Half::Reader, cx);
                }
                Ok((key, outcome))
            }
            Progress::Over => panic!("a call was polled after it had given its result"),
        };
        match started {
            Ok((key, None)) => {
                self.state = Progress::Started(key);
                Poll::Pending
            }
            Ok((key, Some(Ok(value)))) => Poll::Ready(Ok((key, value))),
            Ok((key, Some(Err(failure)))) => {
                peer.with(|shared| shared.link.forget_call(key));
                Poll::Ready(Err(peer.failure(failure)))
            }
            Err(failure) => Poll::Ready(Err(peer.failure(failure))),
        }
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Progress::Started(key) = self.state {
            self.connection.link().with(|shared| shared.link.forget_call(key));
        }
    }
}

/// The options that calls of every kind have, at the byte level and typed, over `self.options_mut()`.
macro_rules! call_options {
    () => {
        /// Gives the call this much time, from its first poll on; waiting for a connection counts.
        ///
        /// Without it a single request has the method's time-out or else one minute, and a stream none. A stream that
        /// is still open then ends with [`CallError::DeadlineExceeded`](crate::CallError::DeadlineExceeded).
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options_mut().set_timeout(timeout);
            self
        }

        /// Gives the call time until `deadline`.
        pub fn deadline(mut self, deadline: tokio::time::Instant) -> Self {
            self.options_mut().set_deadline(deadline);
            self
        }

        /// Without a connection, waits for one as long as the deadline allows, instead of failing at once.
        pub fn wait_connected(mut self) -> Self {
            self.options_mut().set_wait();
            self
        }

        /// Sends a value along, for [`Context::metadata`](crate::Context::metadata) of the handler.
        ///
        /// A peer that knows no metadata makes the call fail with
        /// [`CallError::Unsupported`](crate::CallError::Unsupported).
        pub fn metadata(mut self, key: impl Into<String>, value: impl Into<bytes::Bytes>) -> Self {
            self.options_mut().add_metadata(key.into(), value.into());
            self
        }

        /// Makes the call part of a trace, which the handler finds in its [`Context`](crate::Context::trace).
        ///
        /// A peer that knows no metadata gets the call without it.
        pub fn trace(mut self, trace: crate::TraceContext) -> Self {
            self.options_mut().set_trace(trace);
            self
        }

        /// Makes the call part of the one that a handler is serving: it gets at most the time that is left there, and
        /// carries its trace context on.
        pub fn within(mut self, context: &crate::Context) -> Self {
            self.options_mut().set_within(context);
            self
        }
    };
}
pub(crate) use call_options;

/// A single request at the byte level, from [`Connection::request`].
///
/// It is the future of its answer, `None` if the handler answered without a payload. Dropping it cancels the call.
///
/// # Errors
/// Every variant of [`CallError`] but `Handler` and `Decode`, which need a type; a handler's own error is `Remote`.
///
/// # Cancel safety
/// As a future that is dropped: the callee drops the handler if it can be told so, and the answer is lost. `select!` on
/// `&mut call` loses nothing.
///
/// # Panics
/// When polled again after it was ready.
#[derive(Debug)]
#[must_use = "a call does nothing until it is awaited"]
pub struct RawCall {
    start: Start,
}

impl RawCall {
    pub(super) fn new(
        connection: Connection,
        handler: HandlerId,
        payload: Result<Option<Bytes>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            start: Start::new(
                connection,
                handler,
                payload,
                None,
                Some(timeout.unwrap_or(DEFAULT_TIMEOUT)),
            ),
        }
    }

    call_options!();

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    pub(crate) fn poll_raw(&mut self, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        self.start.poll(cx, |link, key| link.take_answer(key)).map_ok(|(_, payload)| payload)
    }
}

impl Future for RawCall {
    type Output = Result<Option<Bytes>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(|failure| failure.into_call_error(|_| None))
    }
}

impl FusedFuture for RawCall {
    fn is_terminated(&self) -> bool {
        matches!(self.start.state, Progress::Over)
    }
}

/// A stream that is being opened at the byte level, from [`Connection::stream`].
///
/// It is the future of the two halves, ready when the callee has taken the stream. Dropping it cancels.
///
/// # Errors
/// As of [`RawCall`]. Errors of the handler come through the receiver.
///
/// # Cancel safety
/// As of [`RawCall`].
///
/// # Panics
/// When polled again after it was ready.
#[derive(Debug)]
#[must_use = "a stream does not open until it is awaited"]
pub struct RawOpening {
    start: Start,
}

impl RawOpening {
    pub(super) fn new(
        connection: Connection,
        handler: HandlerId,
        capacities: Capacities,
        payload: Result<Option<Bytes>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { start: Start::new(connection, handler, payload, Some(capacities), timeout) }
    }

    call_options!();

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    pub(crate) fn poll_raw(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<(RawSender, RawReceiver), Failure>> {
        let opened = self.start.poll(cx, |link, key| link.poll_opened(key));
        opened.map_ok(|(key, ())| {
            let connection = &self.start.connection;
            halves(connection.link().clone(), Side::Caller, key, connection.keep())
        })
    }
}

impl Future for RawOpening {
    type Output = Result<(RawSender, RawReceiver), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(|failure| failure.into_call_error(|_| None))
    }
}

impl FusedFuture for RawOpening {
    fn is_terminated(&self) -> bool {
        matches!(self.start.state, Progress::Over)
    }
}
