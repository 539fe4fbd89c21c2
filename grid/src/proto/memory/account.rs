//! [`Account`]: the bytes that a link holds under its lock.
//!
//! Small messages are counted with plain fields, and the sum is passed on to the [`Ledger`] in steps, so that a small
//! call or item costs no atomic operation.

use std::sync::Arc;

use super::ledger::{Ledger, Over};

/// The account passes on its sum in whole steps, and takes a step back only when this much is free. So a burst of calls
/// that comes again and again does not change the ledger each time. [`Account::trim`] takes back the rest.
const STEP_BYTES: usize = 256 * 1024;
const SLACK_BYTES: usize = 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(in crate::proto) struct Account {
    ledger: Arc<Ledger>,
    /// Received messages, and the calls and streams of the peer.
    input: usize,
    /// Messages that wait for the peer.
    output: usize,
    /// The part of `output` that counts for the node only, so that answers that wait leave room for input.
    beyond: usize,
    /// What the ledger has been told.
    told: usize,
}

impl Account {
    pub(in crate::proto) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, input: 0, output: 0, beyond: 0, told: 0 }
    }

    pub(in crate::proto) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Bytes that are held.
    #[cfg(any(test, feature = "__internals"))]
    pub(in crate::proto) fn held(&self) -> usize {
        self.input + self.output
    }

    /// Counts bytes of the peer that are held from now on. Without room for them nothing changes.
    #[inline]
    pub(in crate::proto) fn hold(&mut self, bytes: usize) -> Result<(), Over> {
        self.input += bytes;
        if self.counted() <= self.told {
            return Ok(());
        }
        let told = self.tell();
        if told.is_err() {
            self.input -= bytes;
        }
        told
    }

    /// Bytes from [`hold`](Self::hold) are not held any more.
    #[inline]
    pub(in crate::proto) fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.input);
        self.input = self.input.saturating_sub(bytes);
        self.take_back();
    }

    /// What counts as held for the peer.
    fn counted(&self) -> usize {
        self.input + self.output - self.beyond
    }

    /// Whether there is room for `more` bytes of output, when `output` bytes wait.
    ///
    /// An answer exists already, and its handler cannot be slowed down; items wait for their windows before that. So both
    /// may exceed the limit of the peer while half of the node's is free.
    pub(in crate::proto) fn check_output(
        &mut self,
        output: usize,
        more: usize,
    ) -> Result<(), Over> {
        self.set_output(output);
        // What the ledger has been told already can be used up first.
        let untold = (self.counted() + more).saturating_sub(self.told);
        match self.ledger.check(untold + self.beyond, untold) {
            Err(Over::Peer) if self.ledger.is_half_free(more) => Ok(()),
            checked => checked,
        }
    }

    /// Sets the bytes that wait for the peer. They are held whether they fit or not, so
    /// [`check_output`](Self::check_output) must come before.
    #[inline]
    pub(in crate::proto) fn set_output(&mut self, bytes: usize) {
        if bytes == self.output {
            return;
        }
        self.output = bytes;
        let beyond = bytes.saturating_sub(self.ledger.output_share());
        if beyond != self.beyond {
            self.ledger.move_beyond(self.beyond, beyond);
            self.beyond = beyond;
        }
        let held = self.counted();
        if held > self.told {
            if self.tell().is_err() {
                // No more than is needed: input must not use what the limit does not allow.
                self.ledger.add_anyway(held - self.told);
                self.told = held;
            }
        } else {
            self.take_back();
        }
    }

    fn tell(&mut self) -> Result<(), Over> {
        let counted = self.counted();
        let missing = counted - self.told;
        // Whole steps in all, as the node counts.
        let step = counted.next_multiple_of(STEP_BYTES) - self.told;
        // Near the limit, exactly what is needed may still fit.
        let step = self.ledger.add(step).map(|()| step).or_else(|_| {
            self.ledger.add(missing)?;
            Ok(missing)
        })?;
        self.told += step;
        Ok(())
    }

    #[inline]
    fn take_back(&mut self) {
        let free = self.told.saturating_sub(self.counted());
        if free >= SLACK_BYTES + STEP_BYTES {
            let step = free - SLACK_BYTES;
            self.told -= step;
            self.ledger.subtract(step);
        }
    }

    /// Takes back all that is free. What many links keep for their next calls would otherwise fill the limit of the node.
    pub(in crate::proto) fn trim(&mut self) {
        let free = self.told.saturating_sub(self.counted());
        self.told -= free;
        self.ledger.subtract(free);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.ledger.subtract(self.told);
        self.ledger.move_beyond(self.beyond, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::NodeBytes;
    use super::*;

    const MIB: usize = 1 << 20;

    fn account(max: usize) -> Account {
        // Half of what the node may hold is never free.
        Account::new(Ledger::new(max, 0, NodeBytes::new(max)))
    }

    #[test]
    fn the_ledger_is_told_in_steps() {
        let mut account = account(64 * MIB);
        for _ in 0..100 {
            account.hold(1000).expect("it fits");
        }
        assert_eq!(account.ledger.held(), STEP_BYTES);
        account.release(100_000);
        assert_eq!(account.ledger.held(), STEP_BYTES, "kept for the next calls");
        account.hold(3 * MIB).expect("it fits");
        account.release(3 * MIB);
        assert_eq!(account.ledger.held(), SLACK_BYTES);
        account.hold(10).expect("it fits");
        account.trim();
        assert_eq!(account.ledger.held(), 10);
        let ledger = Arc::clone(&account.ledger);
        drop(account);
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn at_the_limit_nothing_changes() {
        let mut account = account(MIB);
        account.hold(MIB - 10).expect("it fits");
        account.hold(10).expect("exactly");
        assert!(account.hold(1).is_err());
        assert!(account.check_output(0, 1).is_err());
        account.release(100);
        account.hold(100).expect("it fits again");
        account.set_output(5 * MIB);
        let held = account.ledger.held();
        assert_eq!(held, MIB + MIB / 4, "output is held anyway, a quarter of the limit at most");
        assert!(account.hold(1).is_err(), "and makes no room for input");
        account.set_output(0);
        account.release(MIB);
        assert_eq!(account.ledger.held(), SLACK_BYTES);
    }

    #[test]
    fn output_may_exceed_the_limit_while_half_of_the_node_is_free() {
        let node = NodeBytes::new(8 * MIB);
        let [mut account, mut other] =
            [(); 2].map(|()| Account::new(Ledger::new(MIB, 0, Arc::clone(&node))));
        assert_eq!(account.check_output(MIB, 3 * MIB), Ok(()));
        assert_eq!(account.check_output(4 * MIB, 1), Err(Over::Peer));
        assert_eq!(account.hold(MIB / 2), Ok(()), "waiting output leaves room for requests");
        other.set_output(MIB);
        assert_eq!(account.check_output(3 * MIB, 1), Err(Over::Peer), "the node's half is used");
        drop(other);
        assert_eq!(account.check_output(3 * MIB, MIB / 4), Ok(()));
        assert_eq!(node.held(), 3 * MIB + MIB / 2);
        drop(account);
        assert_eq!(node.held(), 0);
    }

    #[test]
    fn output_can_use_what_the_ledger_has_been_told() {
        let mut account = account(MIB);
        account.hold(MIB).expect("it fits");
        account.release(1000);
        assert_eq!(account.check_output(0, 1000), Ok(()));
        assert_eq!(account.check_output(500, 500), Ok(()));
        assert!(account.check_output(500, 501).is_err());
    }
}
