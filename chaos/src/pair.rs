//! Two nodes, in no order.

use std::fmt;

use serde::Serialize;

/// Two different nodes, in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Pair {
    low: u8,
    high: u8,
}

impl Pair {
    /// These two.
    ///
    /// # Panics
    /// If they are the same.
    pub fn new(one: u8, other: u8) -> Self {
        assert_ne!(one, other, "a node is no pair");
        Self { low: one.min(other), high: one.max(other) }
    }

    /// All pairs of this many nodes.
    pub fn all(nodes: u8) -> Vec<Self> {
        (0..nodes).flat_map(|high| (0..high).map(move |low| Self { low, high })).collect()
    }

    /// Both, the lower one first.
    pub fn nodes(self) -> [u8; 2] {
        [self.low, self.high]
    }

    /// Whether this is one of them.
    pub fn has(self, node: u8) -> bool {
        self.low == node || self.high == node
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node{} and node{}", self.low, self.high)
    }
}
