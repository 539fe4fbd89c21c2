//! [`Charge`]: a part of what a ledger counts, and the buffers that have one.

use std::sync::Arc;

use bytes::Bytes;

use super::ledger::{Ledger, Over};
use crate::sync::atomic::{AtomicUsize, Ordering};

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

    /// Ties the charge to a buffer: it is given back when the last slice of the buffer is dropped.
    pub(crate) fn tie(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Charged { bytes, _charge: self })
    }

    /// The same, but the [`Handover`] can give it back before that. This needs one more allocation.
    pub(crate) fn lend(mut self, bytes: Bytes) -> (Bytes, Handover) {
        // What it has charged is the shared one's from now on.
        let left = AtomicUsize::new(std::mem::take(&mut self.bytes));
        let ledger = Arc::clone(&self.ledger);
        let charge = Arc::new(SharedCharge { ledger, left });
        let owner = Charged { bytes, _charge: Arc::clone(&charge) };
        (Bytes::from_owner(owner), Handover(charge))
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
pub(crate) struct Handover(Arc<SharedCharge>);

impl Handover {
    /// The payload is the user's from now on.
    pub(crate) fn complete(self) {
        self.0.end();
    }
}

/// A charge that the buffer or its [`Handover`] ends, whichever is first.
#[derive(Debug)]
struct SharedCharge {
    ledger: Arc<Ledger>,
    left: AtomicUsize,
}

impl SharedCharge {
    fn end(&self) {
        self.ledger.subtract(self.left.swap(0, Ordering::Relaxed));
    }
}

impl Drop for SharedCharge {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
impl PartialEq for Handover {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
impl Eq for Handover {}

/// A buffer with its charge. The buffer is declared first, so that it is freed before the charge is given back.
struct Charged<C> {
    bytes: Bytes,
    _charge: C,
}

impl<C> AsRef<[u8]> for Charged<C> {
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
        let bytes = ledger.charge(60).expect("it fits").tie(Bytes::from_static(b"hello"));
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
