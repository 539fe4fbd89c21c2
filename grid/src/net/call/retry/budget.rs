//! [`RetryBudget`]: bounds how many calls are repeated, in proportion to all calls.
//!
//! A token bucket whose content decays, instead of one with a fixed size: what has been saved is always about the same share
//! of the calls of the last ten seconds, at ten calls a second and at a hundred thousand.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The time constant with which unused permits decay: 37 % are left after it. Long enough that a node with many calls
/// in flight can fail, and short enough that a quiet hour does not pay for a storm.
const KEPT_SECONDS: f64 = 10.0;

/// More than anything needs. Infinity times a share that has decayed to zero would be no number.
const PERMITS_MAX: f64 = 1e9;

/// Bounds how many calls are repeated, so that an outage is not multiplied by those who retry.
///
/// Each call adds a share of a permit, each second adds some more, and each retry or hedge takes one. Without a permit, a call
/// is not repeated: it fails with the error that it has. Permits that are not used are lost within about ten seconds, so in a
/// time of `t` seconds with `n` calls, at most `share × n + per_second × t` attempts are added, and what was saved in the ten
/// seconds before that.
///
/// Clones share one budget. Share it between everything that calls the same nodes: policies with a budget each allow the sum
/// of them.
///
/// ```
/// use std::time::Duration;
/// use grid::{Hedge, Retry, RetryBudget};
///
/// let budget = RetryBudget::new().share(0.2).per_second(10.0);
/// let retry = Retry::new().budget(budget.clone());
/// let hedge = Hedge::after(Duration::from_millis(30)).budget(budget);
/// # let _ = (retry, hedge);
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    bucket: Arc<Bucket>,
}

struct Bucket {
    share: f64,
    per_second: f64,
    permits: Mutex<Permits>,
}

/// What is left of the budget.
struct Permits {
    count: f64,
    /// When `count` was true. `None` before the first call.
    at: Option<Instant>,
}

impl RetryBudget {
    /// A budget with the default of each setting.
    #[must_use]
    pub fn new() -> Self {
        Self::of(0.1, 10.0)
    }

    /// How much of a permit each call adds. Default: 0.1, so that an outage raises the load by at most a tenth.
    ///
    /// With 0, only [`per_second`](Self::per_second) counts, so that a busy caller hardly ever repeats a call. With 1, an outage
    /// doubles the load; with [`f64::INFINITY`], it is not bounded. Numbers below 0, and those that are not numbers, are taken
    /// for 0; those above a billion for a billion.
    ///
    /// The budget that is returned shares nothing with earlier clones.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self::of(share, self.bucket.per_second)
    }

    /// How many permits each second adds. Default: 10, for callers with few calls.
    ///
    /// With 0, a caller whose first call fails has no permit for it. The load of an outage rises by as much for each node that
    /// calls. Other numbers are taken as for [`share`](Self::share), and earlier clones share nothing either.
    #[must_use]
    pub fn per_second(self, per_second: f64) -> Self {
        Self::of(self.bucket.share, per_second)
    }

    fn of(share: f64, per_second: f64) -> Self {
        let bounded = |n: f64| if n.is_nan() { 0.0 } else { n.clamp(0.0, PERMITS_MAX) };
        let (share, per_second) = (bounded(share), bounded(per_second));
        // The permits of the first second: a caller that has just started can retry.
        let permits = Mutex::new(Permits { count: per_second, at: None });
        Self { bucket: Arc::new(Bucket { share, per_second, permits }) }
    }

    /// How many permits are left, for metrics: a budget that is often below 1 is too small, or bounds an outage.
    pub fn left(&self) -> f64 {
        self.now().count
    }

    /// A call begins.
    pub(super) fn deposit(&self) {
        self.now().count += self.bucket.share;
    }

    /// Takes a permit. Returns whether there was one.
    pub(super) fn withdraw(&self) -> bool {
        let mut permits = self.now();
        let is_enough = permits.count >= 1.0;
        if is_enough {
            permits.count -= 1.0;
        }
        is_enough
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bucket, &other.bucket)
    }

    /// The permits, brought up to the present.
    fn now(&self) -> MutexGuard<'_, Permits> {
        let Bucket { per_second, permits, .. } = &*self.bucket;
        let mut permits = permits.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let at = permits.at.replace(now).unwrap_or(now);
        let since = now.saturating_duration_since(at).as_secs_f64();
        // The solution of `count' = per_second - count / KEPT_SECONDS`.
        let kept = (-since / KEPT_SECONDS).exp();
        permits.count = permits.count * kept + per_second * KEPT_SECONDS * (1.0 - kept);
        permits
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("share", &self.bucket.share)
            .field("per_second", &self.bucket.per_second)
            .field("left", &self.left())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn taken(budget: &RetryBudget) -> usize {
        (0..100_000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_pays_for_a_share_and_clones_share() {
        let budget = RetryBudget::new().share(0.1).per_second(0.0);
        assert!(!budget.withdraw(), "nothing is saved yet");
        let clone = budget.clone();
        (0..1000).for_each(|_| clone.deposit());
        let taken = taken(&budget);
        assert!((99..=100).contains(&taken), "{taken}");
        assert!(!clone.withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn seconds_pay_as_well_and_what_is_not_used_is_lost() {
        let budget = RetryBudget::new().share(0.0).per_second(10.0);
        assert_eq!(taken(&budget), 10, "the first second");
        advance(Duration::from_secs(1)).await;
        assert_eq!(taken(&budget), 9, "a second pays for 10, of which a twentieth is lost");
        advance(Duration::from_secs(3600)).await;
        assert!(
            (99.0..=100.0).contains(&budget.left()),
            "ten seconds, and not an hour: {budget:?}"
        );
    }

    /// What is saved follows the rate of calls, and what is added in a storm is the share.
    #[tokio::test(start_paused = true)]
    async fn a_storm_gets_what_was_saved_and_its_share() {
        let budget = RetryBudget::new().share(0.1).per_second(0.0);
        for _ in 0..60_000 {
            budget.deposit();
            advance(Duration::from_millis(1)).await;
        }
        let saved = taken(&budget);
        assert!((990..=1000).contains(&saved), "a tenth of the calls of ten seconds: {saved}");
        let mut repeated = 0;
        for _ in 0..10_000 {
            budget.deposit();
            repeated += usize::from(budget.withdraw());
            advance(Duration::from_millis(1)).await;
        }
        assert!((990..=1000).contains(&repeated), "{repeated}");
    }

    #[tokio::test(start_paused = true)]
    async fn strange_numbers_are_bounded() {
        for budget in [
            RetryBudget::new().share(-1.0).per_second(f64::NAN),
            RetryBudget::new().share(f64::NAN).per_second(-1.0),
        ] {
            budget.deposit();
            assert!(!budget.withdraw(), "{budget:?}");
        }
        for endless in [
            RetryBudget::new().share(f64::INFINITY).per_second(0.0),
            RetryBudget::new().share(0.0).per_second(f64::INFINITY),
        ] {
            for pause in [1, 60, 1_000_000] {
                endless.deposit();
                assert_eq!(taken(&endless), 100_000, "{endless:?}");
                advance(Duration::from_secs(pause)).await;
            }
        }
    }
}
