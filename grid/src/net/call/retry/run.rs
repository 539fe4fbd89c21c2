//! Makes the attempts of one call, until one succeeds or none may follow.
//!
//! One future without tasks: dropping it drops the attempt that runs, or the timer of the pause.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};

use super::policy::{Hedge, Retry};
use crate::error::{Again, CallFailure};
use crate::net::call::options::CallOptions;
use crate::net::call::raw::RawCall;
use crate::net::call::start::{Answered, Plan, Progress, Repeating, Start, Target};
use crate::net::catch::log;
use crate::proto::Deadline;

impl Start {
    /// Starts the attempts on the first poll, and polls them.
    #[inline(never)]
    pub(in crate::net::call) fn poll_repeated(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CallFailure>> {
        if matches!(self.state, Progress::Planned(_)) {
            self.begin_repeated();
        }
        let Progress::Repeating(Repeating(running)) = &mut self.state else {
            panic!("a call was polled after it had returned its result");
        };
        let running = running.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = ready!(running.as_mut().poll(cx));
        self.state = Progress::Over;
        Poll::Ready(outcome.map(|Answered { peer, payload }| {
            // If it cannot be decoded, the error names the node that has answered.
            self.target.peer = peer;
            payload
        }))
    }

    fn begin_repeated(&mut self) {
        let Progress::Planned(plan) = std::mem::replace(&mut self.state, Progress::Over) else {
            return;
        };
        let mut options = std::mem::take(&mut self.options);
        let deadline = options.begin(Instant::now());
        let call = Repeated { target: self.target.clone(), options, deadline, plan: *plan };
        self.state = Progress::Repeating(Repeating(Mutex::new(Box::pin(call.run()))));
    }
}

/// A call whose attempts are being made.
struct Repeated {
    target: Target,
    /// Of each attempt, apart from the deadline.
    options: CallOptions,
    /// Of the whole call.
    deadline: Option<Deadline>,
    plan: Plan,
}

/// An attempt that has failed, or several.
struct Failed {
    failure: CallFailure,
    /// When the peer wants to be called again.
    not_before: Option<Instant>,
}

impl Failed {
    fn now(failure: CallFailure) -> Self {
        let not_before = failure.retry_after().map(|after| {
            let now = Instant::now();
            // Later than any deadline.
            now.checked_add(after).unwrap_or_else(|| now + FAR_FUTURE)
        });
        Self { failure, not_before }
    }

    /// The failure of both: the later one, unless the call would then look as if it cannot have run.
    fn and(self, later: Self) -> Self {
        let failure = match self.failure.has_possibly_run() && !later.failure.has_possibly_run() {
            true => self.failure,
            false => later.failure,
        };
        Self { failure, not_before: self.not_before.max(later.not_before) }
    }
}

/// Longer than any call takes.
const FAR_FUTURE: std::time::Duration = std::time::Duration::from_secs(1 << 30);

type Tried = Result<Answered, Failed>;

impl Repeated {
    async fn run(self) -> Result<Answered, CallFailure> {
        self.deposit();
        let mut before: Option<Failed> = None;
        let mut attempt = 1;
        loop {
            let tried = match &self.plan.hedge {
                Some((hedge, other)) => self.hedged(hedge, other).await,
                None => self.attempt(&self.target).await,
            };
            let failed = match tried {
                Ok(answered) => return Ok(answered),
                Err(failed) => failed,
            };
            let next = self.next_attempt(attempt, &failed);
            let failed = match before {
                Some(before) => before.and(failed),
                None => failed,
            };
            let Some(at) = next else { return Err(failed.failure) };
            sleep_until(at).await;
            // The timer can be late.
            if !self.is_before_deadline(Instant::now()) {
                return Err(failed.failure);
            }
            before = Some(failed);
            attempt += 1;
        }
    }

    /// Counts the call, once if both policies have the same budget.
    fn deposit(&self) {
        let Plan { retry, hedge, .. } = &self.plan;
        let retry = retry.as_ref().map(Retry::its_budget);
        let hedge = hedge.as_ref().map(|(hedge, _)| hedge.its_budget());
        if let Some(budget) = retry {
            budget.deposit();
        }
        if let Some(budget) = hedge.filter(|hedge| retry.is_none_or(|retry| !retry.is_same(hedge)))
        {
            budget.deposit();
        }
    }

    /// When the attempt after this one begins, if there is one. Takes the permit for it.
    fn next_attempt(&self, attempt: u32, failed: &Failed) -> Option<Instant> {
        let retry = self.plan.retry.as_ref()?;
        if attempt >= retry.attempts_max() || !self.may_follow(&failed.failure) {
            return None;
        }
        let now = Instant::now();
        // What the peer says is a bound for all its callers, so the random pause comes after it.
        let at = failed.not_before.unwrap_or(now).max(now).checked_add(retry.pause(attempt))?;
        if !self.is_before_deadline(at) {
            return None;
        }
        let is_permitted = retry.its_budget().withdraw();
        let Target { peer, method, .. } = &self.target;
        let (error, pause) = (failed.failure.outcome(), at - now);
        if is_permitted {
            log!(debug, peer = %peer.name, %method, attempt, error, ?pause, "repeating a call");
        } else {
            log!(debug, peer = %peer.name, %method, attempt, error, "a call is not repeated: no budget");
        }
        is_permitted.then_some(at)
    }

    /// Whether another attempt may follow a failure, as far as the handler is concerned.
    fn may_follow(&self, failure: &CallFailure) -> bool {
        match failure.again() {
            Again::Always => true,
            Again::IfIdempotent => self.target.idempotent,
            Again::Never => false,
        }
    }

    fn is_before_deadline(&self, at: Instant) -> bool {
        self.deadline.is_none_or(|deadline| at.into_std() < deadline.at)
    }

    /// Makes the call at one node.
    async fn attempt(&self, target: &Target) -> Tried {
        let mut options = self.options.clone();
        let time = self.plan.retry.as_ref().and_then(Retry::time_of_attempt);
        let end = time.and_then(|time| Instant::now().checked_add(time));
        let end = end.filter(|end| self.is_before_deadline(*end));
        if let Some(end) = end {
            options.set_deadline(end);
        }
        let state = Progress::New { payload: self.plan.payload.clone(), stream: None };
        let mut call =
            RawCall::of(Start { target: target.clone(), state, options, recording: None });
        let outcome = poll_fn(|cx| call.poll_raw(cx)).await;
        match outcome {
            Ok(payload) => Ok(Answered { peer: Arc::clone(&target.peer), payload }),
            // The time of the last attempt says nothing: it had what the others have left.
            Err(failure) => Err(Failed::now(match self.deadline {
                Some(deadline) if end.is_none() => failure.late_after(deadline.after),
                _ => failure,
            })),
        }
    }

    /// Makes the call at its node, and if there is no answer soon, at the other one as well.
    async fn hedged(&self, hedge: &Hedge, other: &Target) -> Tried {
        let mut first = pin!(self.attempt(&self.target));
        let soon = timeout(hedge.delay(), first.as_mut()).await;
        match soon {
            Ok(Err(failed)) if self.may_move(&failed, hedge) => {
                return self.attempt(other).await.map_err(|later| failed.and(later));
            }
            Ok(tried) => return tried,
            Err(_) if !hedge.its_budget().withdraw() => return first.await,
            Err(_) => {}
        }
        let second = pin!(self.attempt(other));
        self.first_success(first, second).await
    }

    /// Whether the other node is asked because the first one has failed. Takes the permit for it.
    fn may_move(&self, failed: &Failed, hedge: &Hedge) -> bool {
        (self.may_follow(&failed.failure) || failed.failure.is_refusal())
            && self.is_before_deadline(Instant::now())
            && hedge.its_budget().withdraw()
    }

    /// Whether a failure ends the call while another attempt is under way.
    fn decides(&self, failure: &CallFailure) -> bool {
        failure.has_possibly_run() && !self.may_follow(failure) && !failure.is_refusal()
    }

    /// Waits for two attempts. The one that is still running is dropped, and so cancelled, when the other one decides: with
    /// an answer, or with a failure of a handler that has run. A refusal decides nothing: the other node may know the method,
    /// or permit the call. Nor does a failure before the handler, such as the shutdown of this node: the other attempt may
    /// have run, and can still be answered.
    async fn first_success(
        &self,
        mut first: Pin<&mut impl Future<Output = Tried>>,
        mut second: Pin<&mut impl Future<Output = Tried>>,
    ) -> Tried {
        let (tried, is_first) = poll_fn(|cx| match first.as_mut().poll(cx) {
            Poll::Ready(tried) => Poll::Ready((tried, true)),
            Poll::Pending => second.as_mut().poll(cx).map(|tried| (tried, false)),
        })
        .await;
        match tried {
            Err(failed) if !self.decides(&failed.failure) => {
                let later = if is_first { second.await } else { first.await };
                later.map_err(|later| failed.and(later))
            }
            decided => decided,
        }
    }
}
