//! Measures the time in which this process did not run: stopped by a signal, or without a processor.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::Moment;

/// Between two beats.
const BEAT: Duration = Duration::from_millis(20);

/// A longer pause between two beats is counted as time in which the process did not run.
const PAUSE_MIN: Duration = Duration::from_millis(60);

/// A thread that sleeps and notices when it has slept for too long. It is a thread and no task, so a runtime that is blocked
/// by its own code is not excused.
#[derive(Debug)]
pub(super) struct Pulse {
    last: AtomicU64,
    lost: AtomicU64,
}

impl Pulse {
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let now = Moment::now().0;
        let pulse = Arc::new(Self { last: now.into(), lost: 0.into() });
        let beating = Arc::clone(&pulse);
        thread::Builder::new().name("pulse".into()).spawn(move || {
            loop {
                thread::sleep(BEAT);
                beating.beat(Moment::now());
            }
        })?;
        Ok(pulse)
    }

    fn beat(&self, now: Moment) {
        let gap = self.gap(now);
        self.last.store(now.0, Ordering::SeqCst);
        self.lost.fetch_add(gap, Ordering::SeqCst);
    }

    /// How long the process did not run since the last beat, in microseconds.
    fn gap(&self, now: Moment) -> u64 {
        let gap = now - Moment(self.last.load(Ordering::SeqCst));
        if gap < PAUSE_MIN { 0 } else { (gap - BEAT).as_micros() as u64 }
    }

    /// How long the process did not run so far, the pause that it comes from included.
    pub(super) fn lost(&self, now: Moment) -> Duration {
        Duration::from_micros(self.lost.load(Ordering::SeqCst) + self.gap(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pauses_are_lost_time() {
        let pulse = Pulse { last: 0.into(), lost: 0.into() };
        let at = |ms: u64| Moment(ms * 1000);
        pulse.beat(at(20));
        pulse.beat(at(50));
        assert_eq!(pulse.lost(at(90)), Duration::ZERO);
        // Before the thread has noticed, and after.
        assert_eq!(pulse.lost(at(5050)), Duration::from_millis(4980));
        pulse.beat(at(5050));
        assert_eq!(pulse.lost(at(5051)), Duration::from_millis(4980));
    }
}
