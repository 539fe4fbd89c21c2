//! Calls at the byte level: futures that start on their first poll, carry their options, and cancel when dropped.
//!
//! These types are not generic and have no timers: the link handles deadlines. So a call is small, `Unpin` and
//! `'static`, and can be passed to `spawn`, `select!` or `join_all` directly.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::FusedFuture;
use tokio::time::Instant;

use super::abort::AbortOnDrop;
use super::ends::{RawReceiver, RawSender, ends};
use super::method::MethodName;
use super::options::{CallOptions, DEFAULT_TIMEOUT, call_options};
use crate::error::{CallError, CallFailure, CodecError};
use crate::net::link::peer::Peer;
use crate::net::link::waiters::Waiter;
use crate::proto::Body;
use crate::proto::wire::{HandlerId, SubrouteId};
use crate::proto::{CallSpec, Capacities, Half, Key, Link, Side};

/// The destination of a call.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) peer: Arc<Peer>,
    pub(super) handler: HandlerId,
    pub(super) method: MethodName,
    pub(super) subroute: Option<SubrouteId>,
    /// Keeps an in-process link alive.
    pub(super) keep: Option<Arc<AbortOnDrop>>,
}

/// The state of a call or opening until its result is returned.
struct Start {
    target: Target,
    state: Progress,
    options: CallOptions,
}

enum Progress {
    New { payload: Result<Option<Body>, CodecError>, stream: Option<Capacities> },
    Started(Key),
    Over,
}

/// Omits payload and metadata.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { peer, method, subroute, .. } = &self.target;
        f.debug_struct("Start")
            .field("peer", &peer.name)
            .field("method", &format_args!("{method}"))
            .field("subroute", subroute)
            .finish_non_exhaustive()
    }
}

impl Start {
    fn new(
        target: Target,
        payload: Result<Option<Body>, CodecError>,
        stream: Option<Capacities>,
        timeout: Option<Duration>,
    ) -> Self {
        let mut options = CallOptions::default();
        if let Some(timeout) = timeout {
            options.set_timeout(timeout);
        }
        Self { target, state: Progress::New { payload, stream }, options }
    }

    /// Starts the call on the first poll. Later polls call `look`, and complete when it returns an outcome.
    fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        look: impl Fn(&mut Link, Key) -> Option<Result<T, CallFailure>>,
    ) -> Poll<Result<(Key, T), CallFailure>> {
        let peer = &self.target.peer;
        let key = match self.state {
            Progress::Started(key) => key,
            Progress::New { .. } => {
                return match self.start(cx) {
                    Ok(()) => Poll::Pending,
                    Err(failure) => Poll::Ready(Err(self.explain(failure))),
                };
            }
            Progress::Over => panic!("a call was polled after it had returned its result"),
        };
        // A task that is polled again mostly finds the outcome, so no clone of its waker is kept.
        let outcome = ready!(peer.poll(reader(key), cx, &mut None, |link| match look(link, key) {
            None => Poll::Pending,
            Some(outcome) => {
                if outcome.is_err() {
                    link.forget_call(key);
                }
                Poll::Ready(outcome)
            }
        }));
        self.state = Progress::Over;
        Poll::Ready(match outcome {
            Ok(value) => Ok((key, value)),
            Err(failure) => Err(self.explain(failure)),
        })
    }

    fn start(&mut self, cx: &Context<'_>) -> Result<(), CallFailure> {
        let Progress::New { payload, stream } = std::mem::replace(&mut self.state, Progress::Over)
        else {
            unreachable!("`poll` starts new calls only");
        };
        let Target { peer, handler, subroute, .. } = &self.target;
        let now = Instant::now();
        let spec = CallSpec {
            handler: *handler,
            subroute: *subroute,
            payload: payload.map_err(CallFailure::Encode)?,
            deadline: self.options.deadline(now),
            stream,
            meta: self.options.meta.take(),
            wait: self.options.wait,
        };
        // Cloned before the lock is taken, because cloning a waker can run user code.
        let waker = cx.waker().clone();
        let started = peer.with(|shared, effects| {
            let key = shared.link.start_call(now.into_std(), &spec)?;
            shared.waiters.register(reader(key), waker, effects);
            Ok(key)
        });
        self.state = Progress::Started(started?);
        Ok(())
    }

    fn explain(&self, failure: CallFailure) -> CallFailure {
        let Target { peer, method, .. } = &self.target;
        failure.of_call(method, &peer.name)
    }

    /// Whether the result has been returned.
    fn is_over(&self) -> bool {
        matches!(self.state, Progress::Over)
    }
}

fn reader(key: Key) -> Waiter {
    Waiter { side: Side::Caller, key, half: Half::Reader }
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Progress::Started(key) = self.state {
            self.target.peer.link(|link| link.forget_call(key));
        }
    }
}

/// A single request at the byte level, from [`Connection::request`](crate::Connection::request).
///
/// A future of the answer, which is `None` if the answer has no payload. Dropping it cancels the call.
///
/// # Errors
/// Any variant of [`CallError`] except `Handler` and `Decode`. A handler's own error is returned as `Remote`.
///
/// # Cancel safety
/// Dropping it cancels the call: the answer is lost, and the callee drops the handler if the extension `cancel` is
/// active. `select!` on `&mut call` does not cancel the call.
///
/// # Panics
/// If polled again after it was ready.
#[derive(Debug)]
#[must_use = "a call does nothing until it is awaited"]
pub struct RawCall {
    start: Start,
}

impl RawCall {
    pub(super) fn new(
        target: Target,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
        Self { start: Start::new(target, payload, None, Some(timeout)) }
    }

    call_options!();

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    /// Names the method in errors, instead of the handler's id.
    pub(crate) fn named(mut self, method: MethodName) -> Self {
        self.start.target.method = method;
        self
    }

    /// An answer of this call that cannot be decoded, as an error that names method and peer.
    pub(crate) fn undecodable<E>(&self, error: CodecError) -> CallError<E> {
        let Target { peer, method, .. } = &self.start.target;
        CallError::Decode(error.of_call(method, &peer.name))
    }

    pub(crate) fn poll_raw(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CallFailure>> {
        self.start.poll(cx, |link, key| link.take_answer(key)).map_ok(|(_, payload)| payload)
    }
}

impl FusedFuture for RawCall {
    fn is_terminated(&self) -> bool {
        self.start.is_over()
    }
}

impl Future for RawCall {
    type Output = Result<Option<Bytes>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(CallFailure::untyped)
    }
}

/// A stream at the byte level that is being opened, from [`Connection::stream`](crate::Connection::stream).
///
/// A future of the two ends of the stream, ready when the callee has accepted it. Dropping it cancels the stream.
///
/// # Errors
/// As for [`RawCall`]. Errors of the handler come through the receiver.
///
/// # Cancel safety
/// As for [`RawCall`].
///
/// # Panics
/// If polled again after it was ready.
#[derive(Debug)]
#[must_use = "a stream does not open until it is awaited"]
pub struct RawOpening {
    start: Start,
}

impl RawOpening {
    pub(super) fn new(
        target: Target,
        capacities: Capacities,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { start: Start::new(target, payload, Some(capacities), timeout) }
    }

    call_options!();

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    /// Names the method in errors, instead of the handler's id.
    pub(crate) fn named(mut self, method: MethodName) -> Self {
        self.start.target.method = method;
        self
    }

    pub(crate) fn poll_raw(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<(RawSender, RawReceiver), CallFailure>> {
        let opened = self.start.poll(cx, |link, key| link.poll_opened(key));
        opened.map_ok(|(key, ())| {
            let Target { peer, keep, method, .. } = &self.start.target;
            ends(Arc::clone(peer), Side::Caller, key, Some(*method), keep.clone())
        })
    }
}

impl FusedFuture for RawOpening {
    fn is_terminated(&self) -> bool {
        self.start.is_over()
    }
}

impl Future for RawOpening {
    type Output = Result<(RawSender, RawReceiver), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(CallFailure::untyped)
    }
}
