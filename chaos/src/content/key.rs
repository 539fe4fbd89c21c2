//! The key of a run: bytes that follow from it, and checksums over what is sent.
//!
//! A checksum covers what the message is for (the call, the node, the direction, the position), so that a right message in a
//! wrong place is noticed as well. It is not the checksum of the protocol, and is computed above it.

use bytes::{Bytes, BytesMut};
use twox_hash::XxHash3_64;

/// The key of all checksums of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    /// The checksum of a body and of what it is for.
    pub(crate) fn sum(self, kind: &str, of: &[u64], body: &[u8]) -> u64 {
        let mut seed = XxHash3_64::oneshot_with_seed(self.0, kind.as_bytes());
        for number in of {
            seed = XxHash3_64::oneshot_with_seed(seed, &number.to_le_bytes());
        }
        XxHash3_64::oneshot_with_seed(seed, body)
    }

    /// Bytes that differ for each `of`: a body that arrives in another message's place is a wrong one.
    pub(crate) fn body(self, of: &[u64], length: usize) -> Bytes {
        let mut state = self.sum("body", of, &[]);
        let mut body = BytesMut::with_capacity(length + 8);
        while body.len() < length {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            body.extend_from_slice(&(mixed ^ mixed >> 31).to_le_bytes());
        }
        body.truncate(length);
        body.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_changes_the_sum() {
        let key = Key(7);
        let sums = [
            key.sum("a", &[1, 2], b"body"),
            key.sum("b", &[1, 2], b"body"),
            key.sum("a", &[2, 1], b"body"),
            key.sum("a", &[1], b"body"),
            key.sum("a", &[1, 2], b"bodz"),
            Key(8).sum("a", &[1, 2], b"body"),
        ];
        for (index, sum) in sums.iter().enumerate() {
            assert!(!sums[..index].contains(sum));
        }
        assert_eq!(sums[0], key.sum("a", &[1, 2], b"body"));
    }

    #[test]
    fn bodies_differ_and_have_their_length() {
        for length in [0, 1, 7, 8, 9, 1000] {
            assert_eq!(Key(1).body(&[1], length).len(), length);
        }
        assert_eq!(Key(1).body(&[1], 20), Key(1).body(&[1], 20));
        assert_ne!(Key(1).body(&[1], 20), Key(1).body(&[2], 20));
    }
}
