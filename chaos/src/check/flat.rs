//! Resources must not grow: compares those of a process early in its life with those late in it.

use std::time::Duration;

use serde::Serialize;

/// What a process uses at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    pub(crate) fds: u64,
    pub(crate) threads: u64,
    pub(crate) rss_kib: u64,
}

/// The rule: after a warm-up, the median of the last third of a life is compared with that of the first third.
///
/// - Medians, because a moment may be in the middle of anything: a large message, three connections to a peer of which two are
///   closing, a handler that blocks.
/// - Thirds, because a leak that matters goes on: from the first third to the last one it has grown by two thirds of a life.
/// - Only with a dozen samples in each third: a process that lives for a shorter time is watched for too short a time to tell
///   growth from chance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flatness {
    /// Samples that are left out at the beginning: connections, threads, pools and windows of streams grow to their size.
    pub(crate) warm_up: usize,
}

/// Samples that a third needs.
const THIRD_MIN: usize = 12;

/// A closing connection and one that is being dialed, for each of four peers.
const FDS_MORE: u64 = 8;

/// Threads that a node without calls may have: its own three, two workers, the watchdog of the library, and three that the
/// runtime may have found work for meanwhile.
const IDLE_THREADS_MAX: u64 = 9;

/// The allocator keeps freed memory in pieces, and each thread uses a part of its stack: a quarter more, and some messages of a
/// MiB.
const RSS_MORE_KIB: u64 = 16 * 1024;

/// What has grown from the first third to the last one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Growth {
    pub(crate) first: Sample,
    pub(crate) last: Sample,
    pub(crate) max: Sample,
    /// All samples after the warm-up.
    pub(crate) samples: Vec<Sample>,
    /// What has grown by too much.
    pub(crate) wrong: Option<String>,
}

impl Flatness {
    /// Judges the life of a process; `None` if it was too short.
    pub(crate) fn judge(self, samples: &[Sample]) -> Option<Growth> {
        let warm = samples.get(self.warm_up..)?;
        let third = warm.len() / 3;
        if third < THIRD_MIN {
            return None;
        }
        let (first, last) = (median(&warm[..third]), median(&warm[warm.len() - third..]));
        let limits = [
            ("fds", first.fds, last.fds, first.fds + FDS_MORE),
            ("KiB", first.rss_kib, last.rss_kib, first.rss_kib * 5 / 4 + RSS_MORE_KIB),
        ];
        let grown = limits.iter().filter(|(_, _, last, most)| last > most);
        let wrong: Vec<String> = grown
            .map(|(what, first, last, most)| {
                format!("grew from {first} to {last} {what}, and {most} are allowed")
            })
            .collect();
        let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
        Some(Growth { first, last, max: maximum(warm), samples: warm.to_vec(), wrong })
    }
}

/// Judges the threads of a node that has had no calls for a while.
///
/// With calls their number is not judged, because it depends on the load: on a busy machine the library takes a handler that has
/// lost its processor for one that blocks, and gives its worker another thread; steady calls then keep those from ending.
pub(crate) fn check_idle_threads(threads: u64) -> Result<(), String> {
    match threads <= IDLE_THREADS_MAX {
        true => Ok(()),
        false => Err(format!("{threads} threads are left, and {IDLE_THREADS_MAX} are allowed")),
    }
}

/// Samples are taken at this interval, so that a run of any length has enough of them: every five seconds in ten minutes.
pub(crate) fn sample_every(time: Duration) -> Duration {
    (time / 120).clamp(Duration::from_millis(250), Duration::from_secs(5))
}

fn median(samples: &[Sample]) -> Sample {
    let of = |what: fn(&Sample) -> u64| {
        let mut values: Vec<_> = samples.iter().map(what).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Sample { fds: of(|s| s.fds), threads: of(|s| s.threads), rss_kib: of(|s| s.rss_kib) }
}

fn maximum(samples: &[Sample]) -> Sample {
    let of = |what: fn(&Sample) -> u64| samples.iter().map(what).max().unwrap_or_default();
    Sample { fds: of(|s| s.fds), threads: of(|s| s.threads), rss_kib: of(|s| s.rss_kib) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLATNESS: Flatness = Flatness { warm_up: 10 };

    /// The life of a process that needs time to warm up and then changes by this from sample to sample.
    fn life(growing: impl Fn(u64) -> Sample) -> Vec<Sample> {
        let cold = Sample { fds: 3, threads: 1, rss_kib: 1000 };
        (0..10).map(|_| cold).chain((0..90).map(growing)).collect()
    }

    fn noise(step: u64) -> u64 {
        step * 7919 % 13
    }

    fn flat(step: u64) -> Sample {
        let noise = noise(step);
        Sample { fds: 20 + noise % 5, threads: 5 + noise % 4, rss_kib: 50_000 + 3000 * noise }
    }

    fn wrong(growing: impl Fn(u64) -> Sample) -> Option<String> {
        FLATNESS.judge(&life(growing)).expect("long enough").wrong
    }

    #[test]
    fn noise_is_flat() {
        assert_eq!(wrong(flat), None);
    }

    #[test]
    fn growing_memory_is_noticed_through_the_noise() {
        // A KiB for each of a thousand calls between two samples.
        let leak = |step| Sample { rss_kib: flat(step).rss_kib + 1000 * step, ..flat(step) };
        assert!(wrong(leak).unwrap().contains("KiB"));
    }

    #[test]
    fn growing_descriptors_are_noticed() {
        let fds = |step| Sample { fds: flat(step).fds + step / 5, ..flat(step) };
        assert!(wrong(fds).unwrap().contains("fds"));
    }

    #[test]
    fn threads_that_are_left_without_calls_are_noticed() {
        assert_eq!(check_idle_threads(IDLE_THREADS_MAX), Ok(()));
        assert!(check_idle_threads(IDLE_THREADS_MAX + 1).unwrap_err().contains("10 threads"));
    }

    #[test]
    fn one_peak_is_no_growth_but_shown() {
        let peak =
            |step| Sample { rss_kib: if step == 80 { 900_000 } else { 50_000 }, ..flat(step) };
        let growth = FLATNESS.judge(&life(peak)).unwrap();
        assert_eq!((growth.wrong, growth.max.rss_kib), (None, 900_000));
    }

    #[test]
    fn a_short_life_is_not_judged() {
        assert_eq!(FLATNESS.judge(&life(flat)[..45]), None);
        assert_eq!(FLATNESS.judge(&[]), None);
        assert!(FLATNESS.judge(&life(flat)[..46]).is_some());
    }

    #[test]
    fn ten_minutes_are_sampled_every_five_seconds() {
        assert_eq!(sample_every(Duration::from_secs(600)), Duration::from_secs(5));
        assert_eq!(sample_every(Duration::from_secs(20)), Duration::from_millis(250));
    }
}
