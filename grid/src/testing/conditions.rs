//! [`Conditions`]: the faults of the connections between two nodes.

use std::time::Duration;

/// The faults between two nodes. The default is none.
///
/// Connections are numbered in the order in which they were opened, so that a fault of those that are open now can be told
/// from one of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions {
    /// No connection can be opened.
    pub(super) is_cut: bool,
    /// Connections carry nothing, and opening one never completes.
    pub(super) is_frozen: bool,
    /// Connections with lower numbers are closed.
    pub(super) closed_below: u64,
    /// Connections with lower numbers carry nothing.
    pub(super) frozen_below: u64,
    /// How long a byte is on its way, in each direction.
    pub(super) delay: Duration,
    /// The share of the pieces that are lost, and sent again later.
    pub(super) loss: f64,
}

impl Conditions {
    /// The same without faults. What was closed stays closed.
    pub(super) fn healed(self) -> Self {
        Self { closed_below: self.closed_below, ..Self::default() }
    }

    pub(super) fn has_closed(&self, number: u64) -> bool {
        number < self.closed_below
    }

    pub(super) fn has_frozen(&self, number: u64) -> bool {
        self.is_frozen || number < self.frozen_below
    }

    /// The faults as a text, for panics; `None` without faults.
    pub(super) fn faults(&self) -> Option<String> {
        let mut faults = Vec::new();
        if self.is_cut {
            faults.push("cut".to_owned());
        }
        if self.is_frozen || self.frozen_below > 0 {
            faults.push("frozen".to_owned());
        }
        if !self.delay.is_zero() {
            faults.push(format!("a delay of {:?}", self.delay));
        }
        if self.loss > 0.0 {
            faults.push(format!("a loss of {} %", self.loss * 100.0));
        }
        (!faults.is_empty()).then(|| faults.join(", "))
    }
}
