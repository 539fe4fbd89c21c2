//! [`Meter`]: when writes are acknowledged, and how long they are not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::fault::Kind;

/// Pauses that are kept: shorter ones are those of writes that wait for the disk.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Times when writes are acknowledged.
#[derive(Debug)]
pub(crate) struct Meter {
    state: Mutex<State>,
    /// When the latest write that was acknowledged began.
    latest: watch::Sender<Option<Instant>>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    pauses: Vec<(Instant, Instant)>,
    /// Times in which a fault has taken the majority away.
    without_majority: Vec<(Instant, Instant)>,
    failovers: BTreeMap<Kind, Vec<Duration>>,
    acknowledged: u64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), latest: watch::Sender::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write that began then is acknowledged now.
    pub(crate) fn acknowledged(&self, began: Instant) {
        let now = Instant::now();
        let mut state = self.state();
        state.acknowledged += 1;
        if let Some(last) = state.last.replace(now)
            && now - last >= PAUSE_MIN
        {
            state.pauses.push((last, now));
        }
        drop(state);
        self.latest.send_if_modified(|latest| {
            latest.is_none_or(|other| other < began) && {
                *latest = Some(began);
                true
            }
        });
    }

    /// Waits until a write is acknowledged that began after this moment. What was on its way before says nothing.
    pub(crate) async fn served_since(&self, since: Instant, within: Duration) -> Option<Duration> {
        let mut latest = self.latest.subscribe();
        let is_newer = |latest: &Option<Instant>| latest.is_some_and(|began| began >= since);
        timeout(within, latest.wait_for(is_newer)).await.ok()?.ok()?;
        Some(since.elapsed())
    }

    /// The leader was lost in this way, and the first write after that took so long.
    pub(crate) fn failed_over(&self, kind: Kind, took: Duration) {
        self.state().failovers.entry(kind).or_default().push(took);
    }

    /// There was no majority since that moment.
    pub(crate) fn had_no_majority(&self, since: Instant) {
        self.state().without_majority.push((since, Instant::now()));
    }

    pub(crate) fn writes(&self) -> u64 {
        self.state().acknowledged
    }

    /// The times of failovers, each list in order.
    pub(crate) fn failovers(&self) -> BTreeMap<Kind, Vec<Duration>> {
        let mut failovers = self.state().failovers.clone();
        failovers.values_mut().for_each(|times| times.sort());
        failovers
    }

    /// The longest time without an acknowledged write that has ended since that moment.
    pub(crate) fn longest_pause_since(&self, since: Instant) -> Duration {
        let state = self.state();
        let pauses = state.pauses.iter().rev().take_while(|(_, to)| *to >= since);
        pauses.map(|(from, to)| *to - *from).max().unwrap_or_default()
    }

    /// The longest time without an acknowledged write while there was a majority.
    pub(crate) fn longest_pause(&self) -> Duration {
        let state = self.state();
        let is_excused = |pause: &(Instant, Instant)| {
            state.without_majority.iter().any(|(from, to)| pause.0 < *to && *from < pause.1)
        };
        let pauses = state.pauses.iter().filter(|pause| !is_excused(pause));
        pauses.map(|(from, to)| *to - *from).max().unwrap_or_default()
    }
}

/// The time that this share of sorted times does not exceed.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Duration {
    let place = (times.len() as f64 * share).ceil() as usize;
    times.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_failover_ends_with_a_write_that_began_after_it() {
        let (meter, start) = (Meter::new(), Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        meter.acknowledged(start);
        let since = after(start, 1);
        assert_eq!(meter.served_since(since, Duration::from_secs(1)).await, None);
        meter.acknowledged(Instant::now());
        meter.acknowledged(start);
        let took = meter.served_since(since, Duration::from_secs(1)).await;
        assert_eq!(took, Some(Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_without_a_majority_is_excused() {
        let meter = Meter::new();
        for seconds in [1, 5, 3] {
            meter.acknowledged(Instant::now());
            tokio::time::advance(Duration::from_secs(seconds)).await;
            if seconds == 5 {
                meter.had_no_majority(Instant::now() - Duration::from_secs(1));
            }
        }
        meter.acknowledged(Instant::now());
        assert_eq!(meter.longest_pause(), Duration::from_secs(3));
        assert_eq!(meter.writes(), 4);
    }

    #[test]
    fn percentiles_are_of_the_list() {
        let times: Vec<_> = (1..=100).map(Duration::from_secs).collect();
        assert_eq!(percentile(&times, 0.5), Duration::from_secs(50));
        assert_eq!(percentile(&times, 0.99), Duration::from_secs(99));
        assert_eq!(percentile(&times[..1], 0.99), Duration::from_secs(1));
        assert_eq!(percentile(&[], 0.99), Duration::ZERO);
    }
}
