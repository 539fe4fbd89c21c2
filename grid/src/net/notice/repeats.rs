//! Limits how often a log line is repeated: a peer or a stranger must not be able to fill the log.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// A line is logged again after this time at the earliest. Repeats in between are counted, and the next line has their
/// number.
const WINDOW: Duration = Duration::from_secs(60);

/// Number of kinds with an entry of their own. All further kinds share one: strangers can come from any number of
/// addresses.
const KINDS_MAX: usize = 64;

/// The lines that were logged lately, by kind.
#[derive(Debug)]
pub(in crate::net) struct Repeats<K> {
    lines: HashMap<K, Line>,
    /// Shared by the kinds for which there is no room.
    others: Option<Line>,
}

#[derive(Debug)]
struct Line {
    logged: Instant,
    repeats: u64,
}

impl<K> Default for Repeats<K> {
    fn default() -> Self {
        Self { lines: HashMap::new(), others: None }
    }
}

impl<K: Hash + Eq> Repeats<K> {
    /// Returns whether a line of this kind is to be logged now, and if so, how many were left out since the last one.
    pub(in crate::net) fn note(&mut self, kind: K) -> Option<u64> {
        let now = Instant::now();
        if let Some(line) = self.lines.get_mut(&kind) {
            return line.note(now);
        }
        if self.lines.len() >= KINDS_MAX {
            self.lines.retain(|_, line| now - line.logged < WINDOW);
        }
        if self.lines.len() < KINDS_MAX {
            self.lines.insert(kind, Line { logged: now, repeats: 0 });
            return Some(0);
        }
        match &mut self.others {
            Some(line) => line.note(now),
            others => {
                *others = Some(Line { logged: now, repeats: 0 });
                Some(0)
            }
        }
    }
}

impl Line {
    fn note(&mut self, now: Instant) -> Option<u64> {
        if now - self.logged < WINDOW {
            self.repeats += 1;
            return None;
        }
        self.logged = now;
        Some(std::mem::take(&mut self.repeats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repeats_are_counted_and_logged_once_a_minute() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.note(1), Some(0));
        assert_eq!(repeats.note(2), Some(0), "another kind");
        for _ in 0..1000 {
            assert_eq!(repeats.note(1), None);
        }
        tokio::time::advance(WINDOW).await;
        assert_eq!((repeats.note(1), repeats.note(2)), (Some(1000), Some(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_kinds_needs_bounded_memory_and_lines() {
        let mut repeats = Repeats::default();
        let logged = (0..100_000).filter(|kind| repeats.note(*kind).is_some()).count();
        assert_eq!(logged, KINDS_MAX + 1);
        assert_eq!(repeats.lines.len(), KINDS_MAX);
        tokio::time::advance(WINDOW).await;
        assert_eq!(repeats.note(-1), Some(0), "the old kinds have made room");
    }
}
