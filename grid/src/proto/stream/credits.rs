//! Credits: how many messages of a stream may be under way before the other side has taken some.
//!
//! The sender spends [`SendCredits`]; the receiver's [`RecvWindow`] says when the sender has overrun them and when credits
//! are due back. Both sides know the capacity from the handler's contract; it does not travel.

/// What the sender may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct SendCredits {
    left: u32,
    capacity: u32,
}

impl SendCredits {
    /// Credits that are not usable yet: they come with [`open`](Self::open).
    pub(in crate::proto) fn closed(capacity: u32) -> Self {
        Self { left: 0, capacity }
    }

    /// Credits that may be used at once.
    pub(in crate::proto) fn opened(capacity: u32) -> Self {
        Self { left: capacity, capacity }
    }

    pub(in crate::proto) fn open(&mut self) {
        self.left = self.capacity;
    }

    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.left == 0
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

    /// Takes credits back from the receiver. More than the capacity cannot be used and is ignored, as the protocol says.
    pub(in crate::proto) fn grant(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.capacity);
        debug_assert!(self.left <= self.capacity);
    }
}

/// What the receiver holds for the sender: items not yet taken, and credits not yet given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct RecvWindow {
    /// Items that wait for the reader.
    waiting: u32,
    /// Items the reader took whose credits have not been sent back.
    owed: u32,
    capacity: u32,
}

impl RecvWindow {
    pub(in crate::proto) fn new(capacity: u32) -> Self {
        Self { waiting: 0, owed: 0, capacity }
    }

    /// Counts an item in; `false` if the sender had no credit for it.
    #[must_use]
    pub(in crate::proto) fn receive(&mut self) -> bool {
        if self.waiting + self.owed >= self.capacity {
            return false;
        }
        self.waiting += 1;
        true
    }

    /// The reader has taken an item. Gives the credits that should go back now: each at once, or, where `batch`, when
    /// half the capacity has come together, which keeps the other half under way.
    pub(in crate::proto) fn take(&mut self, batch: bool) -> u32 {
        self.waiting = self.waiting.saturating_sub(1);
        self.owed += 1;
        debug_assert!(self.waiting + self.owed <= self.capacity.max(1));
        if batch && self.owed * 2 < self.capacity {
            return 0;
        }
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
                    (SendCredits::opened(capacity), RecvWindow::new(capacity));
                let mut sent = 0;
                for _ in 0..1000 {
                    while send.take() {
                        assert!(recv.receive(), "within the credits");
                        sent += 1;
                    }
                    assert!(!send.take());
                    send.grant(recv.take(batch));
                }
                assert!(
                    sent >= 1000,
                    "batch {batch}, capacity {capacity}: the stream must not stall"
                );
            }
        }
    }

    #[test]
    fn an_overrun_is_seen() {
        let mut recv = RecvWindow::new(2);
        assert!(recv.receive() && recv.receive());
        assert!(!recv.receive());
    }

    #[test]
    fn surplus_credits_are_ignored() {
        let mut send = SendCredits::opened(1);
        send.grant(u32::MAX);
        assert!(send.take());
        assert!(!send.take());
    }
}
