//! [`Charge`]: a part of what a ledger counts, and the buffers that have one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::ledger::{Ledger, Over};

/// Bytes that are charged until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Ledger {
    /// Charges bytes until the result is dropped.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Result<Charge, Over> {
        self.add(bytes)?;
        Ok(Charge { ledger: Arc::clone(self), bytes })
    }
}

impl Charge {
    /// Charges more bytes. If they do not fit, the charge stays as it is.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Over> {
        self.ledger.add(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives a part back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.bytes);
        self.ledger.subtract(bytes);
        self.bytes -= bytes;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ties the charge to a buffer: it is given back when the last slice of the buffer is dropped, or before that by the
    /// [`Handover`].
    pub(crate) fn lend(mut self, bytes: Bytes) -> (Bytes, Handover) {
        // What it has charged is the shared one's from now on.
        let len = std::mem::take(&mut self.bytes);
        let (ledger, left) = (Arc::clone(&self.ledger), AtomicUsize::new(len));
        let charge = Arc::new(SharedCharge { ledger, left });
        let owner = Charged { bytes, _charge: Arc::clone(&charge) };
        (Bytes::from_owner(owner), Handover { charge, bytes: len })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.ledger.subtract(self.bytes);
    }
}

/// Ends the charge of a received message when its payload becomes the user's. What the user keeps of it counts for nobody:
/// otherwise a cache of received values would use up the memory of the peers that have sent them.
///
/// Dropping this changes nothing: the charge then ends with the buffer.
#[derive(Debug, Clone)]
#[must_use = "the charge ends with the buffer otherwise"]
pub(crate) struct Handover {
    charge: Arc<SharedCharge>,
    /// What of the charge is given back.
    bytes: usize,
}

impl Handover {
    /// The payload is the user's from now on.
    pub(crate) fn complete(self) {
        self.charge.give_back(self.bytes);
    }
}

/// A charge of which parts are given back from several places.
#[derive(Debug)]
struct SharedCharge {
    ledger: Arc<Ledger>,
    left: AtomicUsize,
}

impl SharedCharge {
    /// Gives back this much, or what is left.
    fn give_back(&self, bytes: usize) {
        let subtract = |left: usize| Some(left.saturating_sub(bytes));
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
        self.ledger.subtract(before.unwrap_or_default().min(bytes));
    }
}

impl Drop for SharedCharge {
    fn drop(&mut self) {
        self.ledger.subtract(*self.left.get_mut());
    }
}

#[cfg(test)]
impl PartialEq for Handover {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.charge, &other.charge)
    }
}

#[cfg(test)]
impl Eq for Handover {}

/// A buffer with its charge. The buffer is declared first, so that it is freed before the charge is given back.
struct Charged {
    bytes: Bytes,
    _charge: Arc<SharedCharge>,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::NodeBytes;
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn a_charge_is_given_back_with_the_last_slice() {
        let ledger = Ledger::new(100, 0, NodeBytes::new(MIB));
        let bytes = ledger.charge(60).expect("it fits").lend(Bytes::from_static(b"hello")).0;
        let slice = bytes.slice(1..3);
        assert_eq!(ledger.charge(41).map(drop), Err(Over::Peer));
        drop(bytes);
        assert_eq!((&slice[..], ledger.held()), (&b"el"[..], 60));
        drop(slice);
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn a_charge_ends_when_the_payload_is_handed_over() {
        let ledger = Ledger::new(100, 0, NodeBytes::new(MIB));
        let lend = || ledger.charge(60).expect("it fits").lend(Bytes::from_static(b"hello"));
        let (kept, handover) = lend();
        handover.complete();
        assert_eq!((&kept[..], ledger.held()), (&b"hello"[..], 0));
        let (dropped, handover) = lend();
        drop(dropped);
        assert_eq!(ledger.held(), 60, "the handover has it");
        drop(handover);
        let (kept, handover) = lend();
        drop(handover);
        assert_eq!(ledger.held(), 60, "the buffer has it");
        drop(kept);
        assert_eq!(ledger.held(), 0);
    }
}
