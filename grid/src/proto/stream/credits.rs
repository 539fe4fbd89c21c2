//! Credits: how many messages of a stream may be sent before the other side has read some.
//!
//! The sender spends [`SendCredits`]. The receiver's [`RecvCredits`] detects a sender without credits, and tells when
//! credits must be returned. The capacity is not sent: both sides know it from the method's declaration.

use crate::proto::stream::look::WindowLook;

/// The credits of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct SendCredits {
    left: u32,
    capacity: u32,
}

impl SendCredits {
    /// No credits until [`open`](Self::open).
    pub(in crate::proto) fn closed(capacity: u32) -> Self {
        Self { left: 0, capacity }
    }

    /// All credits at once.
    pub(in crate::proto) fn opened(capacity: u32) -> Self {
        Self { left: capacity, capacity }
    }

    pub(in crate::proto) fn open(&mut self) {
        self.left = self.capacity;
    }

    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(super) fn look(&self) -> WindowLook {
        let (items, items_max) = (Some(self.left), Some(self.capacity));
        WindowLook { items, items_max, ..WindowLook::default() }
    }

    /// Spends one; `false` if there is none.
    #[must_use]
    pub(in crate::proto) fn take(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }

    /// Adds credits that the receiver has returned. Credits above the capacity are ignored, as the protocol demands.
    /// Returns `false` if all of them were.
    pub(in crate::proto) fn grant(&mut self, count: u32) -> bool {
        let before = self.left;
        self.left = before.saturating_add(count).min(self.capacity);
        debug_assert!(self.left <= self.capacity);
        self.left > before
    }
}

/// What the receiver holds for the sender: items not yet read, and credits not yet returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct RecvCredits {
    /// Items that wait for the reader.
    waiting: u32,
    /// Items that were read and whose credits have not been returned.
    owed: u32,
    capacity: u32,
}

impl RecvCredits {
    pub(in crate::proto) fn new(capacity: u32) -> Self {
        Self { waiting: 0, owed: 0, capacity }
    }

    pub(in crate::proto) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Whether the sender has no credit.
    pub(super) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// The credits that the sender has, or will have when it has received those that were returned.
    fn left(&self) -> u32 {
        self.capacity.saturating_sub(self.waiting + self.owed)
    }

    pub(super) fn look(&self) -> WindowLook {
        let (items, items_max) = (Some(self.left()), Some(self.capacity));
        WindowLook { items, items_max, ..WindowLook::default() }
    }

    /// Counts a received item. Returns `false` if the sender had no credit for it.
    #[must_use]
    pub(in crate::proto) fn receive(&mut self) -> bool {
        if self.is_empty() {
            return false;
        }
        self.waiting += 1;
        true
    }

    /// The reader has taken an item. Returns the number of credits to be returned now: each one at once, or with
    /// `batch` half the capacity together, while the sender uses the other half.
    pub(in crate::proto) fn take(&mut self, batch: bool) -> u32 {
        self.waiting = self.waiting.saturating_sub(1);
        self.owed += 1;
        debug_assert!(self.waiting + self.owed <= self.capacity.max(1));
        if batch && self.owed < self.capacity.div_ceil(2) { 0 } else { self.settle() }
    }

    /// Returns all credits that have not been returned yet.
    pub(in crate::proto) fn settle(&mut self) -> u32 {
        std::mem::take(&mut self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_and_receiver_agree() {
        for batch in [false, true] {
            for capacity in [1, 2, 3, 16, 64] {
                let (mut send, mut recv) =
                    (SendCredits::opened(capacity), RecvCredits::new(capacity));
                let mut sent = 0;
                for _ in 0..1000 {
                    while send.take() {
                        assert!(recv.receive(), "there was a credit");
                        sent += 1;
                    }
                    assert!(!send.take());
                    let _ = send.grant(recv.take(batch));
                }
                assert!(
                    sent >= 1000,
                    "batch {batch}, capacity {capacity}: the stream must not stall"
                );
            }
        }
    }

    #[test]
    fn the_largest_capacity_does_not_overflow() {
        let mut recv = RecvCredits { waiting: 1, owed: u32::MAX / 2, capacity: u32::MAX };
        assert_eq!(recv.take(true), u32::MAX / 2 + 1);
        recv.waiting = u32::MAX;
        assert!(!recv.receive());
    }

    #[test]
    fn a_sender_without_credits_is_detected() {
        let mut recv = RecvCredits::new(2);
        assert!(recv.receive() && recv.receive());
        assert!(!recv.receive());
    }

    #[test]
    fn surplus_credits_are_ignored() {
        let mut send = SendCredits::opened(1);
        assert!(!send.grant(u32::MAX));
        assert!(send.take());
        assert!(!send.take());
    }
}
