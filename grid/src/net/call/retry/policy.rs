//! [`Retry`] and [`Hedge`]: when a call is repeated, as its user has set it.

use std::time::Duration;

use super::budget::RetryBudget;
use crate::entropy;

/// When a single request that has failed is made again. Set it for a call with [`Call::retry`](crate::Call::retry), or for all
/// calls of a client with its `with_retry`.
///
/// Only what may be repeated is: after a failure for which [`CallError::is_retryable`](crate::CallError::is_retryable) is true,
/// the handler cannot have run, so a call of any method is made again; so is an attempt that was not sent in its time. A call of a method with `#[handler(idempotent)]` is also
/// made again if the link was lost after it had been sent, or if an attempt had no answer in its time. A handler's own error,
/// and every other failure, is returned at once.
///
/// The deadline of the call is that of all attempts and pauses together: an attempt that would begin after it is not made.
/// The error that the call ends with is that of the last attempt, unless an earlier one may have run and the last one has not:
/// then it is the earlier one's, so that [`CallError::may_have_run`](crate::CallError::may_have_run) is true of the whole call.
///
/// Clones share one [`RetryBudget`]. Make one policy for the nodes of a service, and keep it. The arguments of a call stay in
/// memory until it is over.
///
/// Pauses need a tokio runtime: a call with a policy that is polled elsewhere panics when it has to wait.
///
/// ```
/// # use std::time::Duration;
/// # #[grid::service]
/// # trait Clock { #[handler(idempotent)] async fn now(&self) -> u64; }
/// # struct Fixed;
/// # impl Clock for Fixed { async fn now(&self) -> u64 { 42 } }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), grid::CallError> {
/// # let connection = ClockClient::in_process(Fixed).connection().clone();
/// let retry = grid::Retry::new().attempts(4).attempt_timeout(Duration::from_millis(250));
/// let clock = ClockClient::new(connection).with_retry(&retry);
/// let now = clock.now().timeout(Duration::from_secs(1)).await?;
/// # assert_eq!(now, 42); Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    max: Duration,
    attempt_timeout: Option<Duration>,
    budget: RetryBudget,
}

impl Retry {
    /// A policy with the default of each setting, and a budget of its own.
    ///
    /// Keep it: a policy that is made for each call has a new budget each time, which bounds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            attempts: 3,
            first: Duration::from_millis(50),
            max: Duration::from_secs(1),
            attempt_timeout: None,
            budget: RetryBudget::default(),
        }
    }

    /// How often a call is made, the first attempt included. Default: 3.
    ///
    /// With 1, and with 0, calls are not repeated. If there are many, calls wait until their deadline for a node that is down,
    /// and the budget is used by those that have no chance.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The pauses between attempts. Default: `first` 50 ms, `max` 1 s.
    ///
    /// Before each further attempt, a call waits for a random time between zero and a bound (full jitter), so that calls that
    /// have failed together do not come again together. The bound is `first` at the beginning, and doubles each time up to
    /// `max`. If the peer has said when to try again ([`RemoteError::retry_after`](crate::RemoteError::retry_after)), that
    /// time comes before the pause.
    ///
    /// If they are zero, all attempts are over before anything can have changed. If they are long, calls wait although the
    /// peer is back.
    #[must_use]
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        (self.first, self.max) = (first, max);
        self
    }

    /// The time of each attempt. Default: only that of the whole call.
    ///
    /// It is for methods that may run twice: the attempt is cancelled, and the next one begins. A call of another method
    /// ends with [`CallError::DeadlineExceeded`](crate::CallError::DeadlineExceeded), unless the attempt was not even sent.
    ///
    /// If it is shorter than what the handler needs, no attempt can succeed, and each makes the peer work for nothing. If it
    /// is longer than the timeout of the call, it has no effect.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// What bounds the attempts of all calls together, in place of the policy's own budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    pub(super) fn attempts_max(&self) -> u32 {
        self.attempts
    }

    pub(super) fn time_of_attempt(&self) -> Option<Duration> {
        self.attempt_timeout
    }

    pub(super) fn its_budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// The longest pause after this attempt, counted from 1.
    fn pause_max(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.max)
    }

    /// The pause after this attempt.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        entropy::random_range(Duration::ZERO..=self.pause_max(attempt))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

/// When a single request is made at a second node as well, because its answer is late: see [`Call::hedge`](crate::Call::hedge).
///
/// Clones share one [`RetryBudget`], from which each additional request takes a permit.
#[derive(Debug, Clone)]
pub struct Hedge {
    after: Duration,
    budget: RetryBudget,
}

impl Hedge {
    /// After which time without an answer the second request is made. There is no default: it depends on the method.
    ///
    /// A good value is the time in which 95 % of the calls are answered. If it is zero, each call is made twice, as far as the
    /// budget permits. If it is longer than nearly all calls take, it has no effect.
    ///
    /// Keep it, as [a policy of retries](Retry::new).
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { after: time, budget: RetryBudget::default() }
    }

    /// What bounds the additional requests of all calls together, in place of the policy's own budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    pub(super) fn delay(&self) -> Duration {
        self.after
    }

    pub(super) fn its_budget(&self) -> &RetryBudget {
        &self.budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit() {
        let [first, max] = [10, 70].map(Duration::from_millis);
        let retry = Retry::new().backoff(first, max);
        let bounds = [1, 2, 3, 4, 5, 1000].map(|attempt| retry.pause_max(attempt).as_millis());
        assert_eq!(bounds, [10, 20, 40, 70, 70, 70]);
        for attempt in 1..50 {
            assert!(retry.pause(attempt) <= retry.pause_max(attempt));
        }
        let endless = Retry::new().backoff(Duration::MAX, Duration::MAX);
        assert_eq!(endless.pause_max(7), Duration::MAX);
        let none = Retry::new().backoff(Duration::ZERO, Duration::ZERO);
        assert_eq!(none.pause(3), Duration::ZERO);
    }
}
