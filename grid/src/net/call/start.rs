//! The state of a call that this node makes, from its first poll until its result is returned. Not generic, so that it is
//! compiled once.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::abort::AbortOnDrop;
use super::ends::{RawReceiver, RawSender, ends};
use super::intercept::recording::Recording;
use super::intercept::{Chain, Intercepting};
use super::method::MethodName;
use super::options::CallOptions;
use super::retry::policy::{Hedge, Retry};
use super::serving;
use crate::error::{CallFailure, CodecError};
use crate::net::link::peer::Peer;
use crate::net::link::waiters::Waiter;
use crate::proto::Body;
use crate::proto::wire::{HandlerId, SubrouteId};
use crate::proto::{CallSpec, Capacities, Half, Key, Link, Side};

/// The destination of a call.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) peer: Arc<Peer>,
    pub(super) handler: HandlerId,
    pub(super) method: MethodName,
    pub(super) subroute: Option<SubrouteId>,
    /// Keeps an in-process link alive.
    pub(super) keep: Option<Arc<AbortOnDrop>>,
    /// What the call passes, see chained.rs.
    pub(super) chain: Chain,
    /// The method has `#[handler(idempotent)]`.
    pub(super) idempotent: bool,
}

/// The state of a call or opening until its result is returned.
pub(super) struct Start {
    pub(super) target: Target,
    pub(super) state: Progress,
    pub(super) options: CallOptions,
    /// If the node has recorders, from the first poll on.
    pub(super) recording: Option<Box<Recording>>,
}

pub(super) enum Progress {
    New {
        payload: Result<Option<Body>, CodecError>,
        stream: Option<Capacities>,
    },
    Started(Key),
    /// The interceptors run, with a call of their own.
    Chained(Chained),
    /// Like `New`, for a call that may be repeated.
    Planned(Box<Plan>),
    /// The attempts are made, each with a call of its own.
    Repeating(Repeating),
    Over,
}

/// How a single request may be repeated, see retry/.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) payload: Result<Option<Body>, CodecError>,
    pub(super) retry: Option<Retry>,
    /// With the second node.
    pub(super) hedge: Option<(Hedge, Target)>,
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
    pub(super) fn new(
        target: Target,
        payload: Result<Option<Body>, CodecError>,
        stream: Option<Capacities>,
        timeout: Option<Duration>,
    ) -> Self {
        let mut options = CallOptions::default();
        if let Some(timeout) = timeout {
            options.set_timeout(timeout);
        }
        Self { target, state: Progress::New { payload, stream }, options, recording: None }
    }

    /// The same call at another node. One that has begun cannot be made again, and fails there.
    pub(super) fn at(&self, target: Target) -> Self {
        let state = match &self.state {
            Progress::New { payload, stream } => {
                Progress::New { payload: payload.clone(), stream: *stream }
            }
            Progress::Planned(plan) => Progress::Planned(plan.clone()),
            Progress::Started(_)
            | Progress::Chained(_)
            | Progress::Repeating(_)
            | Progress::Over => {
                let error = "a call that has begun cannot be made at other nodes";
                Progress::New { payload: Err(CodecError::new(error)), stream: None }
            }
        };
        Self { target, state, options: self.options.clone(), recording: None }
    }

    /// Ready with the answer to a single request.
    pub(super) fn poll_answer(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CallFailure>> {
        self.poll(cx, |link, key| link.take_answer(key)).map_ok(|(_, payload)| payload)
    }

    /// Ready with the ends of a stream when it is open.
    pub(super) fn poll_opened(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Result<(RawSender, RawReceiver), CallFailure>> {
        self.poll(cx, |link, key| link.poll_opened(key)).map_ok(|(key, ())| {
            let Target { peer, keep, method, .. } = &self.target;
            ends(Arc::clone(peer), Side::Caller, key, Some(*method), keep.clone())
        })
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
            Progress::Chained(_)
            | Progress::Planned(_)
            | Progress::Repeating(_)
            | Progress::Over => {
                panic!("a call was polled after it had returned its result")
            }
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

    /// Takes the call, to be made now.
    pub(super) fn take_spec(&mut self, now: Instant) -> Result<CallSpec, CallFailure> {
        let Progress::New { payload, stream } = std::mem::replace(&mut self.state, Progress::Over)
        else {
            unreachable!("only new calls are started");
        };
        let Target { handler, subroute, .. } = &self.target;
        Ok(CallSpec {
            handler: *handler,
            subroute: *subroute,
            payload: payload.map_err(CallFailure::Encode)?,
            deadline: self.options.deadline(now),
            stream,
            meta: self.options.meta.take(),
            wait: self.options.wait,
        })
    }

    fn start(&mut self, cx: &Context<'_>) -> Result<(), CallFailure> {
        let now = Instant::now();
        let spec = self.take_spec(now)?;
        // Cloned before the lock is taken, because cloning a waker can run user code.
        let waker = cx.waker().clone();
        serving::check(spec.deadline.map(|deadline| deadline.at), || {
            self.target.method.to_string().into()
        });
        let started = self.target.peer.with(|shared, effects| {
            let key = shared.link.start_call(now.into_std(), &spec)?;
            shared.waiters.register(reader(key), waker, effects);
            Ok(key)
        });
        self.state = Progress::Started(started?);
        Ok(())
    }

    pub(super) fn explain(&self, failure: CallFailure) -> CallFailure {
        let Target { peer, method, .. } = &self.target;
        failure.of_call(method, &peer.name)
    }

    /// Whether the result has been returned.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, Progress::Over)
    }
}

/// Interceptors that run. The lock is never waited for: it lets calls be shared between threads, which a boxed future cannot.
pub(super) struct Chained(pub(super) Mutex<Intercepting>);

/// Attempts that are made. The lock is never waited for, as in [`Chained`].
pub(super) struct Repeating(pub(super) Mutex<Attempts>);

type Attempts = Pin<Box<dyn Future<Output = Result<Answered, CallFailure>> + Send>>;

/// The answer to a call that may have been made at several nodes.
pub(super) struct Answered {
    pub(super) peer: Arc<Peer>,
    pub(super) payload: Option<Bytes>,
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
