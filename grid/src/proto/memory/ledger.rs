//! [`Ledger`] and [`NodeBytes`]: the counters of held memory that threads share.

use std::sync::Arc;

use crate::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// The counter of a node is changed once per this many bytes of a peer, because all links of the node share it. Each peer
/// counts at least this much while it has one call in flight, so a node with thousands of peers needs small steps.
const NODE_STEP_BYTES: usize = 256 * 1024;

/// What is reserved for the message that is being received, if the peer sends large ones in parts. This implementation
/// merges messages up to 31 KiB, and cuts messages with payloads above 64 KiB into parts of 32 KiB.
pub(in crate::proto) const IN_PARTS_BYTES: usize = 1024 * 1024;

/// Which limit would have been exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// `Config::bytes_per_peer_max`.
    Peer,
    /// `Config::bytes_per_node_max`, or what limits all guests.
    Node,
}

/// What all peers of a node, or all its guests, make it hold together.
#[derive(Debug)]
pub(crate) struct NodeBytes {
    /// Below zero for moments: what one thread adds to the counter of a peer, another one may give back here before the
    /// first has come to add it here.
    held: AtomicIsize,
    max: usize,
    setting: &'static str,
}

impl NodeBytes {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Self::limited_by("Config::bytes_per_node_max", max)
    }

    /// A counter whose limit is set by this setting.
    pub(crate) fn limited_by(setting: &'static str, max: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicIsize::new(0), max, setting })
    }

    pub(in crate::proto) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed).max(0).cast_unsigned()
    }

    /// Returns what is held with this.
    fn add(&self, bytes: usize) -> usize {
        let bytes = bytes.cast_signed();
        (self.held.fetch_add(bytes, Ordering::Relaxed) + bytes).max(0).cast_unsigned()
    }

    fn subtract(&self, bytes: usize) {
        self.held.fetch_sub(bytes.cast_signed(), Ordering::Relaxed);
    }
}

/// What one peer makes this node hold.
#[derive(Debug)]
pub(crate) struct Ledger {
    held: AtomicUsize,
    /// Limit of `held`: `max` without what is reserved for the message that is being received.
    budget: AtomicUsize,
    /// The setting.
    max: usize,
    /// Length of the largest message.
    message_max: usize,
    node: Arc<NodeBytes>,
}

impl Ledger {
    /// A ledger with a limit of `max` bytes for a peer whose messages have at most `message_max` bytes.
    pub(crate) fn new(max: usize, message_max: usize, node: Arc<NodeBytes>) -> Arc<Self> {
        let budget = AtomicUsize::new(max.saturating_sub(message_max));
        Arc::new(Self { held: AtomicUsize::new(0), budget, max, message_max, node })
    }

    /// A message is not counted before it is complete, so room for one is reserved: a whole one, or only a part if the
    /// peer sends large messages in parts.
    pub(crate) fn reserve(&self, in_parts: bool) {
        let reserved =
            if in_parts { IN_PARTS_BYTES.min(self.message_max) } else { self.message_max };
        self.budget.store(self.max.saturating_sub(reserved), Ordering::Relaxed);
    }

    /// Must be called with the length of each message that was received whole. A peer that sends a large one, although
    /// it could send parts, may do so again.
    #[inline]
    pub(crate) fn received(&self, len: usize) {
        if len > IN_PARTS_BYTES {
            self.reserve(false);
        }
    }

    fn budget(&self) -> usize {
        self.budget.load(Ordering::Relaxed)
    }

    /// Bytes that are charged.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether so much is held that memory should be used sparingly: above a quarter of the limit, small payloads are
    /// copied out of the messages that they would keep alive.
    pub(crate) fn is_pressed(&self) -> bool {
        self.held() > self.budget() / 4
    }

    /// Whether little is left: memory that is only kept for reuse is freed.
    pub(crate) fn is_tight(&self) -> bool {
        self.held() > self.budget() / 4 * 3
    }

    /// The setting that limits the bytes, and its value.
    pub(crate) fn limit(&self, over: Over) -> (&'static str, usize) {
        match over {
            Over::Peer => ("Config::bytes_per_peer_max", self.max),
            Over::Node => (self.node.setting, self.node.max),
        }
    }

    /// Whether `of_peer` more bytes can be held for the peer, of which the node does not know `of_node`.
    pub(super) fn check(&self, of_peer: usize, of_node: usize) -> Result<(), Over> {
        if self.held().saturating_add(of_peer) > self.budget() {
            return Err(Over::Peer);
        }
        let in_steps = of_node.saturating_sub(NODE_STEP_BYTES);
        if self.node.held().saturating_add(in_steps) > self.node.max {
            return Err(Over::Node);
        }
        Ok(())
    }

    /// How much of the output that waits for the peer counts for it. More of it counts for the node only.
    pub(super) fn output_share(&self) -> usize {
        self.max / 4
    }

    /// Whether the node could hold `more` bytes and still use no more than half of its limit.
    pub(super) fn is_half_free(&self, more: usize) -> bool {
        self.node.held().saturating_add(more) <= self.node.max / 2
    }

    /// The output that counts for the node only has changed.
    pub(super) fn move_beyond(&self, before: usize, after: usize) {
        if after > before {
            self.node.add(steps_between(before, after));
        } else {
            self.node.subtract(steps_between(after, before));
        }
    }

    pub(super) fn add(&self, bytes: usize) -> Result<(), Over> {
        // A loop, and not an addition that is taken back: what others charge or give back in between would be counted in
        // other steps than it is taken back in, and the node's counter would be wrong from then on.
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.budget());
        let before = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        let before = before.map_err(|_| Over::Peer)?;
        let steps = steps_between(before, before + bytes);
        if steps == 0 {
            return Ok(());
        }
        // Other threads may see the sum for a moment before it is taken back, and refuse something as well. That is
        // cheaper than a loop on a counter that all links share, and happens at the limit only.
        if self.node.add(steps) > self.node.max {
            self.subtract(bytes);
            return Err(Over::Node);
        }
        Ok(())
    }

    /// Charges bytes that are held whether they fit or not.
    pub(super) fn add_anyway(&self, bytes: usize) {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let steps = steps_between(before, before.saturating_add(bytes));
        self.node.add(steps);
    }

    pub(super) fn subtract(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "{bytes} bytes given back of {before}");
        let steps = steps_between(before.saturating_sub(bytes), before);
        if steps > 0 {
            self.node.subtract(steps);
        }
    }
}

/// What the node's counter changes by when a peer's changes from `low` to `high`. The node counts each peer's bytes
/// rounded up to whole steps.
fn steps_between(low: usize, high: usize) -> usize {
    (high.div_ceil(NODE_STEP_BYTES) - low.div_ceil(NODE_STEP_BYTES)) * NODE_STEP_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_node_counts_whole_steps_of_all_its_peers() {
        let node = NodeBytes::new(4 * MIB);
        let [one, two] = [(); 2].map(|()| Ledger::new(64 * MIB, 0, Arc::clone(&node)));
        let part = NODE_STEP_BYTES / 4;
        let mut small: Vec<_> = (0..10).map(|_| one.charge(part).expect("it fits")).collect();
        assert_eq!(node.held(), 3 * NODE_STEP_BYTES);
        let rest = 4 * MIB - 2 * NODE_STEP_BYTES;
        let refused = two.charge(rest).map(drop).expect_err("the node's limit");
        let limit = ("Config::bytes_per_node_max", 4 * MIB);
        assert_eq!((refused, two.limit(refused)), (Over::Node, limit));
        assert_eq!(two.held(), 0, "a refused charge is taken back");
        small.truncate(8);
        let large = two.charge(rest).expect("the first peer has given back a step");
        drop((small, large));
        assert_eq!(node.held(), 0);
    }

    #[test]
    fn a_part_of_the_limit_is_reserved() {
        let ledger = Ledger::new(100, 20, NodeBytes::new(MIB));
        let refused = ledger.charge(81).map(drop).expect_err("the limit");
        assert_eq!(
            ledger.limit(refused),
            ("Config::bytes_per_peer_max", 100),
            "the error names the setting"
        );
        let mut charge = ledger.charge(80).expect("it fits");
        assert!(charge.grow(1).is_err() && ledger.is_tight() && ledger.is_pressed());
        charge.shrink(70);
        assert!(!ledger.is_pressed());
        drop(charge);
        assert_eq!(ledger.held(), 0);
    }
}
