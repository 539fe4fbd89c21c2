//! [`Leases`]: until when a quorum of nodes is known to keep a lock. No clock: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::table::Mode;

/// How many of `nodes` must grant a lock. The module's documentation explains the numbers.
pub(super) fn quorum(nodes: usize, mode: Mode) -> usize {
    match mode {
        Mode::Read => nodes.div_ceil(2),
        Mode::Write => nodes / 2 + 1,
    }
}

/// Until when each node keeps the lock.
#[derive(Debug)]
pub(super) struct Leases {
    /// When the node may forget the lock. `None` if it has not granted it, or does not hold it any more.
    ends: Vec<Option<Instant>>,
    needed: usize,
    lasts: Duration,
}

impl Leases {
    pub(super) fn new(nodes: usize, mode: Mode, lasts: Duration) -> Self {
        Self { ends: vec![None; nodes], needed: quorum(nodes, mode), lasts }
    }

    /// Records a node's answer to a request that was sent at `asked`. The lease is counted from then, not from the
    /// answer, which may have been delayed.
    pub(super) fn note(&mut self, node: usize, asked: Instant, held: bool) {
        if let Some(end) = self.ends.get_mut(node) {
            *end = held.then(|| asked + self.lasts);
        }
    }

    pub(super) fn needed(&self) -> usize {
        self.needed
    }

    pub(super) fn held(&self) -> usize {
        self.ends.iter().flatten().count()
    }

    /// When the lock is lost unless it is refreshed. `None` if it is lost already.
    pub(super) fn safe_until(&self) -> Option<Instant> {
        let mut ends: Vec<_> = self.ends.iter().flatten().copied().collect();
        // The quorum is lost when fewer leases than needed are left.
        ends.sort_unstable_by(|one, other| other.cmp(one));
        ends.get(self.needed.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writers_quorum_overlaps_all_others() {
        for nodes in 1..100 {
            let (read, write) = (quorum(nodes, Mode::Read), quorum(nodes, Mode::Write));
            assert!(write + write > nodes && read + write > nodes, "{nodes} nodes");
            assert!(0 < read && write <= nodes, "{nodes} nodes");
        }
        assert_eq!([4, 5].map(|nodes| quorum(nodes, Mode::Read)), [2, 3]);
        assert_eq!([4, 5].map(|nodes| quorum(nodes, Mode::Write)), [3, 3]);
    }

    #[test]
    fn the_lock_expires_with_the_last_lease_that_is_needed() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut leases = Leases::new(5, Mode::Write, 10 * second);
        for node in 0..2 {
            leases.note(node, start, true);
            assert_eq!(leases.safe_until(), None);
        }
        for node in 2..5 {
            leases.note(node, start + second * node as u32, true);
        }
        // The leases of nodes 3 and 4 run longer, but a quorum needs a third.
        assert_eq!(leases.safe_until(), Some(start + 12 * second));
        leases.note(0, start + 8 * second, true);
        assert_eq!(leases.safe_until(), Some(start + 13 * second));
        leases.note(4, start + 9 * second, false);
        assert_eq!((leases.held(), leases.safe_until()), (4, Some(start + 12 * second)));
        leases.note(3, start + 9 * second, false);
        leases.note(2, start + 9 * second, false);
        assert_eq!((leases.held(), leases.safe_until()), (2, None));
    }
}
