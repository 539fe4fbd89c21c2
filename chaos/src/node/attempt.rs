//! What a call is to be like, and the watch over it: a call that does not end is noticed.

use std::pin::pin;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::sleep;

use super::outcome::Outcome;
use super::pulse::Pulse;
use crate::clock::Moment;
use crate::content::Wanted;
use crate::shape::Shape;

/// A single request without a timeout has this one; see `Config` of the library.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// A stream without a deadline must end within this, beside its pauses: a stopped or silent peer is noticed after a few seconds,
/// and no fault that keeps a link up lasts for longer.
const STREAM_TIME_MAX: Duration = Duration::from_secs(90);

/// A call that has not ended this long after its limit and slack is given up.
const GIVE_UP: Duration = Duration::from_secs(5);

/// What a call is to be like.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) shape: Shape,
    pub(super) wanted: Wanted,
    /// Bytes of the request's body.
    pub(super) bytes: usize,
    pub(super) timeout: Option<Duration>,
    /// When the caller drops the call, if it has not ended.
    pub(super) drop_after: Option<Duration>,
}

impl Attempt {
    /// A random call of this shape.
    pub(super) fn random(shape: Shape, random: &mut StdRng) -> Self {
        let (bytes, wanted) = content(shape, random);
        // A probe measures recoveries, and nobody waits for a post. Blocking handlers go on when their call was dropped.
        let is_kept = matches!(shape, Shape::Slow | Shape::Blocking | Shape::Post | Shape::Probe);
        let is_dropped = !is_kept && random.random_ratio(1, 20);
        let drop_after = is_dropped.then(|| millis(random, 0, 100));
        Self { shape, wanted, bytes, timeout: timeout(shape, random), drop_after }
    }

    /// A call of this shape that must be answered, on a grid without faults.
    pub(super) fn certain(shape: Shape, random: &mut StdRng) -> Self {
        let (bytes, mut wanted) = content(shape, random);
        wanted.items = wanted.items.min(20);
        let timeout = Some(Duration::from_secs(15));
        Self { shape, wanted, bytes, timeout, drop_after: None }
    }

    /// When the call must have ended.
    fn limit(&self) -> Duration {
        let pauses = Duration::from_millis(self.wanted.pause_ms.into()) * self.wanted.items;
        let without = match self.shape.is_stream() {
            true => STREAM_TIME_MAX + pauses,
            false => DEFAULT_DEADLINE,
        };
        self.timeout.unwrap_or(without)
    }

    /// Waits for the end of a call, for its time to be dropped, or until it has clearly not ended in time. Returns how late it
    /// was.
    ///
    /// `leave` becomes true when long streams are to be left.
    pub(super) async fn watch(
        &self,
        call: impl Future<Output = Outcome>,
        pulse: &Pulse,
        slack: Duration,
        mut leave: watch::Receiver<bool>,
    ) -> (Outcome, Duration) {
        let began = Moment::now();
        let lost_before = pulse.lost(began);
        let elapsed = || {
            let now = Moment::now();
            (now - began).saturating_sub(pulse.lost(now).saturating_sub(lost_before))
        };
        let given_up = self.limit() + slack + GIVE_UP;
        let mut call = pin!(call);
        let mut dropped = pin!(async {
            match self.drop_after {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        });
        let outcome = loop {
            let left = given_up.saturating_sub(elapsed());
            if left.is_zero() {
                break Outcome::hung();
            }
            tokio::select! {
                outcome = &mut call => break outcome,
                () = &mut dropped => break Outcome::dropped(),
                _ = leave.wait_for(|leave| *leave), if self.shape == Shape::LongTalk => break Outcome::dropped(),
                () = sleep(left) => {}
            }
        };
        (outcome, elapsed().saturating_sub(self.limit()))
    }
}

/// The length of the request's body, and what the handler is to do.
fn content(shape: Shape, random: &mut StdRng) -> (usize, Wanted) {
    let mut wanted = Wanted::default();
    let small = random.random_range(0..200);
    let bytes = match shape {
        Shape::Kib64 => random.random_range(60_000..70_000),
        Shape::Mib1 => 1 << 20,
        _ => small,
    };
    match shape {
        Shape::Blocking => wanted.pause_ms = random.random_range(1..5),
        Shape::Slow => wanted.pause_ms = random.random_range(100..3000),
        Shape::LongTalk => {
            wanted.items = random.random_range(200..1500);
            wanted.item_bytes = random.random_range(0..1000);
            wanted.pause_ms = random.random_range(5..20);
        }
        _ if shape.is_stream() => {
            wanted.items = random.random_range(0..60);
            // Mostly small items, some that are sent in parts.
            wanted.item_bytes = if random.random_ratio(1, 10) { 100_000 } else { small as u32 };
            wanted.pause_ms = random.random_range(0..5);
        }
        _ => {}
    }
    (bytes, wanted)
}

fn timeout(shape: Shape, random: &mut StdRng) -> Option<Duration> {
    let without = random.random_ratio(3, 10);
    match shape {
        Shape::Probe => Some(Duration::from_secs(2)),
        Shape::LongTalk => None,
        Shape::Waiting => Some(millis(random, 3000, 10_000)),
        _ if without => None,
        Shape::Slow => Some(millis(random, 100, 3000)),
        _ => Some(millis(random, 1000, 5000)),
    }
}

fn millis(random: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.random_range(from..to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::End;

    async fn watched(call: impl Future<Output = Outcome>) -> (Outcome, Duration) {
        let attempt = Attempt {
            shape: Shape::Small,
            wanted: Wanted::default(),
            bytes: 0,
            timeout: Some(Duration::from_millis(10)),
            drop_after: None,
        };
        let (_keep, leave) = watch::channel(false);
        let pulse = Pulse::start().unwrap();
        // Real time: the pulse measures that of the process.
        attempt.watch(call, &pulse, Duration::ZERO, leave).await
    }

    #[tokio::test]
    async fn a_call_that_ends_in_time_is_not_late() {
        let (outcome, late) = watched(async { Outcome::answered() }).await;
        assert_eq!((outcome.end, late), (End::Answered, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_call_that_ends_late_is_noticed() {
        let (outcome, late) = watched(async {
            sleep(Duration::from_millis(500)).await;
            Outcome::answered()
        })
        .await;
        assert_eq!(outcome.end, End::Answered);
        assert!(late > Duration::from_millis(100), "{late:?}");
    }

    #[tokio::test]
    async fn a_call_that_never_ends_is_noticed() {
        let (outcome, late) = watched(std::future::pending()).await;
        assert_eq!(outcome.end, End::Hung);
        assert!(late >= GIVE_UP, "{late:?}");
    }
}
