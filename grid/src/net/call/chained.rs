//! Calls that a node with interceptors or recorders makes: the outer future runs the chain, whose last link is the call
//! without it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::ends::{RawReceiver, RawSender};
use super::intercept::call::{Intercepted, Of};
use super::intercept::observe::Observer;
use super::intercept::outcome::{Outcome, Success};
use super::intercept::record::Begun;
use super::intercept::recording::Recording;
use super::intercept::{Chain, Intercepting};
use super::method::MethodName;
use super::options::CallOptions;
use super::start::{Chained, Progress, Start, Target};
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::{Body, Deadline};

/// A call that its interceptors still hold ends this long after its deadline.
const LATE: Duration = Duration::from_millis(20);

/// Makes the call itself, and tells when it is over.
type Last = fn(Start, Option<Observer>, Place) -> Intercepting;

/// How a call is made.
pub(super) struct Shape {
    /// Without interceptors.
    poll: fn(&mut Start, &Context<'_>) -> Poll<Result<Success, CallFailure>>,
    /// As the last link of the chain.
    last: Last,
    /// Whether it can have this outcome.
    can_be: fn(&Success) -> bool,
}

/// A single request.
pub(super) const REQUEST: Shape = Shape {
    poll: |start, cx| {
        start.poll_answer(cx).map_ok(|answer| Success::Answer(answer.map(Body::from)))
    },
    last: request,
    can_be: |success| matches!(success, Success::Answer(_)),
};

/// A stream that is opened.
pub(super) const OPENING: Shape = Shape {
    poll: |start, cx| start.poll_opened(cx).map_ok(|ends| Success::Opened(Box::new(ends))),
    last: open,
    can_be: |success| matches!(success, Success::Opened(_)),
};

impl Shape {
    /// An interceptor can answer a request, but not the opening of a stream.
    fn check(&self, success: Success) -> Result<Success, CallFailure> {
        if (self.can_be)(&success) {
            return Ok(success);
        }
        let text = "an interceptor has answered the opening of a stream, which only a handler can";
        Err(CallFailure::Handler(Fault::new(ErrorCode::Handler, text)))
    }
}

impl Start {
    /// Whether the call passes interceptors or recorders.
    pub(super) fn is_chained(&self) -> bool {
        !self.target.chain.is_empty()
    }

    /// Whether an interceptor or recorder applies to the method.
    pub(super) fn is_watched(&self) -> bool {
        self.is_chained() && (self.is_intercepted() || self.is_recorded())
    }

    fn is_intercepted(&self) -> bool {
        self.target.chain.has_interceptors() && self.asks(Chain::intercepts)
    }

    fn is_recorded(&self) -> bool {
        self.target.chain.is_recording() && self.asks(Chain::records_of)
    }

    /// Whether this call is recorded, see [`Chain::sample`].
    fn sample(&self) -> Option<u32> {
        let weight = self.target.chain.sample(self.size().1)?;
        self.asks(Chain::records_of).then_some(weight)
    }

    /// Whether something in the chain applies to the method.
    fn asks(&self, applies: fn(&Chain, &str, &str) -> bool) -> bool {
        let chain = &self.target.chain;
        match &self.target.method {
            MethodName::Typed { service, name } => applies(chain, service, name),
            name @ MethodName::Id(_) => applies(chain, "", &name.to_string()),
        }
    }

    /// Starts the call on the first poll, with its interceptors, and polls it.
    #[inline(never)]
    pub(super) fn poll_chain(
        &mut self,
        cx: &mut Context<'_>,
        shape: &Shape,
    ) -> Poll<Result<Success, CallFailure>> {
        if matches!(self.state, Progress::New { .. }) {
            let sample = self.sample();
            let is_intercepted = self.is_intercepted();
            if sample.is_some() || is_intercepted {
                // Once for all: reading the clock is a good part of what this costs.
                let now = Instant::now();
                if let Some(weight) = sample {
                    self.recording = Some(Box::new(self.begin_recording(now, weight)));
                }
                if is_intercepted && let Some(chain) = self.begin_chain(now, shape.last) {
                    self.state = Progress::Chained(chain);
                }
            }
        }
        let mut outcome = match &mut self.state {
            Progress::Chained(Chained(chain)) => {
                let chain = chain.get_mut().unwrap_or_else(PoisonError::into_inner);
                let outcome = ready!(chain.as_mut().poll(cx));
                self.state = Progress::Over;
                outcome.0.and_then(|success| shape.check(success))
            }
            _ => ready!((shape.poll)(self, cx)),
        };
        if let Some(recording) = self.recording.take() {
            match &mut outcome {
                Ok(Success::Opened(ends)) => ends.1.observe(Arc::new(*recording)),
                outcome => recording.outcome(outcome),
            }
        }
        Poll::Ready(outcome)
    }

    fn begin_recording(&self, now: Instant, weight: u32) -> Recording {
        let (request_bytes, is_stream) = self.size();
        let deadline = self.options.deadline(now);
        let deadline = deadline.map(|deadline| Instant::from_std(deadline.at));
        let begun = Begun { at: now, deadline, request_bytes, is_stream, weight };
        let Target { peer, method, chain, .. } = &self.target;
        Recording::made(Arc::clone(peer), *method, begun, chain.clone())
    }

    /// Bytes of the arguments, and whether it is a stream.
    pub(super) fn size(&self) -> (usize, bool) {
        match &self.state {
            Progress::Planned(plan) => {
                let payload = plan.payload.as_ref().ok();
                (payload.and_then(Option::as_ref).map_or(0, Body::len), false)
            }
            Progress::New { payload: Ok(payload), stream } => {
                (payload.as_ref().map_or(0, Body::len), stream.is_some())
            }
            Progress::New { stream, .. } => (0, stream.is_some()),
            _ => (0, false),
        }
    }

    /// Starts the interceptors that want the call. Without any, it stays as it is.
    fn begin_chain(&mut self, now: Instant, last: Last) -> Option<Chained> {
        let (request_bytes, is_stream) = self.size();
        let mut options = std::mem::take(&mut self.options);
        // It begins now, and not when the interceptors pass the call on.
        let deadline = options.begin(now);
        let Target { peer, method, chain, .. } = &self.target;
        let call = Intercepted::made(Arc::clone(peer), *method, options, request_bytes, is_stream);
        let Some(wanted) = chain.wanted(&call) else {
            self.options = options_of(call);
            return None;
        };
        let mut target = self.target.clone();
        let chain = std::mem::take(&mut target.chain);
        let state = std::mem::replace(&mut self.state, Progress::Over);
        let place = Place::default();
        let place_of_last = place.clone();
        let running = chain.run(call, wanted, move |mut call| {
            let observer = call.observer.take();
            let start = Self { target, state, options: options_of(call), recording: None };
            last(start, observer, place_of_last)
        });
        Some(Chained(Mutex::new(match deadline {
            Some(deadline) => Box::pin(bounded(running, deadline, place, self.target.clone())),
            None => running,
        })))
    }
}

fn options_of(call: Intercepted) -> CallOptions {
    match call.of {
        Of::Made { options, .. } => options,
        Of::Served { .. } => panic!("an interceptor has passed on another call"),
    }
}

/// Whether a call that passes interceptors is under way. Then it ends itself at its deadline; otherwise, it is with the
/// interceptors, before or after.
#[derive(Clone, Default)]
struct Place(Arc<AtomicBool>);

impl Place {
    /// The call is under way until the guard is dropped: it has returned, or an interceptor has dropped it.
    fn under_way(self) -> UnderWay {
        self.0.store(true, Ordering::Relaxed);
        UnderWay(self)
    }

    fn is_with_interceptors(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// See [`Place::under_way`].
struct UnderWay(Place);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// Ends a chain whose interceptors wait for longer than the call may take. Only they need a timer: the call knows more about
/// its end.
async fn bounded(
    mut running: Intercepting,
    deadline: Deadline,
    place: Place,
    target: Target,
) -> Outcome {
    let mut timer = None;
    let at = Instant::from_std(deadline.at) + LATE;
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = running.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        // Or an interceptor has kept the call, and polls it no more.
        if place.is_with_interceptors() || Instant::now().into_std() >= deadline.at {
            let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Outcome::failed(late(&target, deadline)));
        }
        Poll::Pending
    })
    .await
}

fn late(target: &Target, deadline: Deadline) -> CallFailure {
    let peer = Arc::clone(&target.peer.name);
    // The chain may have sent it.
    let (after, sent) = (deadline.after, Sent::Maybe);
    let failure = CallFailure::DeadlineExceeded { peer, method: Arc::default(), after, sent };
    failure.of_call(&target.method, &target.peer.name)
}

fn request(mut start: Start, _: Option<Observer>, place: Place) -> Intercepting {
    Box::pin(async move {
        let under_way = place.under_way();
        let answer = poll_fn(|cx| start.poll_answer(cx)).await;
        drop(under_way);
        match answer {
            Ok(payload) => Outcome::answer(payload),
            Err(failure) => Outcome::failed(failure),
        }
    })
}

fn open(mut start: Start, observer: Option<Observer>, place: Place) -> Intercepting {
    Box::pin(async move {
        let under_way = place.under_way();
        let opened = poll_fn(|cx| start.poll_opened(cx)).await;
        drop(under_way);
        match opened {
            Ok((mut sender, mut receiver)) => {
                sender.set_observer(observer.clone());
                receiver.set_observer(observer);
                Outcome(Ok(Success::Opened(Box::new((sender, receiver)))))
            }
            Err(failure) => Outcome::failed(failure),
        }
    })
}

/// The answer to a single request.
pub(super) fn answer(success: Success) -> Option<Bytes> {
    match success {
        // It came from a peer or an interceptor, in one piece.
        Success::Answer(answer) => answer.map(Body::into_shared),
        Success::Opened(_) | Success::Served => None,
    }
}

/// The ends of a stream, which [`OPENING`] makes.
pub(super) fn opened(success: Success) -> (RawSender, RawReceiver) {
    match success {
        Success::Opened(ends) => *ends,
        Success::Answer(_) | Success::Served => {
            unreachable!("the shape of openings has checked it")
        }
    }
}
