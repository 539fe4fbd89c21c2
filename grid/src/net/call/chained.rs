//! Calls that a node with interceptors makes: the outer future runs the chain, whose last link is the call without it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::ends::{RawReceiver, RawSender};
use super::intercept::call::{Intercepted, Of};
use super::intercept::observe::Observer;
use super::intercept::outcome::{Outcome, Success};
use super::intercept::{Chain, Intercepting};
use super::method::MethodName;
use super::start::{Chained, Progress, Start};
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::{Body, Deadline};

/// A call that its interceptors still hold ends this long after its deadline.
const LATE: Duration = Duration::from_millis(20);

/// Makes the call itself.
type Last = fn(Start, Option<Observer>) -> Intercepting;

impl Start {
    /// Whether the call passes interceptors.
    pub(super) fn is_chained(&mut self) -> bool {
        if self.target.chain.is_empty() {
            return false;
        }
        if matches!(self.state, Progress::New { .. }) && !self.passes_chain() {
            self.target.chain = Chain::default();
        }
        !self.target.chain.is_empty()
    }

    fn passes_chain(&self) -> bool {
        let chain = &self.target.chain;
        match &self.target.method {
            MethodName::Typed { service, name } => chain.applies_to(service, name),
            name @ MethodName::Id(_) => chain.applies_to("", &name.to_string()),
        }
    }

    /// Starts the chain on the first poll, and polls it.
    #[inline(never)]
    pub(super) fn poll_chain(
        &mut self,
        cx: &mut Context<'_>,
        last: Last,
    ) -> Poll<Result<Success, CallFailure>> {
        if matches!(self.state, Progress::New { .. }) {
            self.state = Progress::Chained(self.begin_chain(last));
        }
        let Progress::Chained(Chained(chain)) = &mut self.state else {
            panic!("a call was polled after it had returned its result");
        };
        let chain = chain.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = ready!(chain.as_mut().poll(cx));
        self.state = Progress::Over;
        Poll::Ready(outcome.0)
    }

    fn explain_late(&self, deadline: Deadline) -> CallFailure {
        let (peer, method) = (Arc::clone(&self.target.peer.name), Arc::default());
        // The chain may have sent it.
        let (after, sent) = (deadline.after, Sent::Maybe);
        self.explain(CallFailure::DeadlineExceeded { peer, method, after, sent })
    }

    fn begin_chain(&mut self, last: Last) -> Chained {
        let state = std::mem::replace(&mut self.state, Progress::Over);
        let (request_bytes, is_stream) = match &state {
            Progress::New { payload: Ok(payload), stream } => {
                (payload.as_ref().map_or(0, Body::len), stream.is_some())
            }
            _ => (0, false),
        };
        let mut target = self.target.clone();
        let chain = std::mem::take(&mut target.chain);
        let mut options = std::mem::take(&mut self.options);
        // It begins now, and not when the interceptors pass the call on.
        let deadline = options.begin(Instant::now());
        let (peer, method) = (Arc::clone(&target.peer), target.method);
        let call = Intercepted::made(peer, method, options, request_bytes, is_stream);
        let running = chain.run(call, move |call| {
            let Intercepted { of, observer, .. } = call;
            match of {
                Of::Made { options, .. } => last(Self { target, state, options }, observer),
                Of::Served { .. } => panic!("an interceptor has passed on another call"),
            }
        });
        let running = match deadline {
            Some(deadline) => bounded(running, deadline, self.explain_late(deadline)),
            None => running,
        };
        Chained(Mutex::new(running))
    }
}

/// Ends a chain whose interceptors wait for longer than the call may take.
fn bounded(running: Intercepting, deadline: Deadline, late: CallFailure) -> Intercepting {
    let at = Instant::from_std(deadline.at);
    Box::pin(async move {
        // The call ends itself at its deadline, and knows more about it.
        match timeout_at(at + LATE, running).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::failed(late),
        }
    })
}

/// A single request.
pub(super) fn request(mut start: Start, _: Option<Observer>) -> Intercepting {
    Box::pin(async move {
        match poll_fn(|cx| start.poll_answer(cx)).await {
            Ok(payload) => Outcome::answer(payload),
            Err(failure) => Outcome::failed(failure),
        }
    })
}

/// The opening of a stream.
pub(super) fn open(mut start: Start, observer: Option<Observer>) -> Intercepting {
    Box::pin(async move {
        match poll_fn(|cx| start.poll_opened(cx)).await {
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

/// The ends of a stream.
pub(super) fn opened(success: Success) -> Result<(RawSender, RawReceiver), CallFailure> {
    match success {
        Success::Opened(ends) => Ok(*ends),
        Success::Answer(_) | Success::Served => {
            let text =
                "an interceptor has answered the opening of a stream, which only a handler can";
            Err(CallFailure::Handler(Fault::new(ErrorCode::Handler, text)))
        }
    }
}
