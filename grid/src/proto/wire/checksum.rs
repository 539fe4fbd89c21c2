//! The checksum of messages. It detects damaged bytes, but does not protect against an attacker.

use twox_hash::XxHash3_64;

use std::hash::Hasher as _;

/// Bytes of the CRC trailer.
pub(crate) const CHECKSUM_LEN: usize = 4;

/// The low 32 bits of XXH3-64 with seed 0. The protocol calls it CRC for historical reasons.
#[must_use]
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    XxHash3_64::oneshot(bytes) as u32
}

/// The checksum of bytes that lie in several places.
#[must_use]
pub(crate) fn checksum_of(pieces: [&[u8]; 3]) -> u32 {
    let mut hasher = XxHash3_64::new();
    pieces.iter().for_each(|piece| hasher.write(piece));
    hasher.finish() as u32
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn pieces_have_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
        for (a, b) in [(0, 0), (1, 1), (20, 20), (20, 300), (17, 40_000), (64, 99_999)] {
            let pieces = [&bytes[..a], &bytes[a..b], &bytes[b..]];
            assert_eq!(checksum_of(pieces), checksum(&bytes));
            assert_eq!(checksum_of([&bytes[..a], &[], &[]]), checksum(&bytes[..a]));
        }
    }

    #[test]
    fn golden() {
        // XXH3-64 of no bytes is 2d06800538d394c2.
        assert_eq!(checksum(b""), 0x38d3_94c2);
        // From the vector `ack_mux`.
        assert_eq!(checksum(&unhex("97120000000d01c400")).to_le_bytes(), [0xf4, 0x61, 0x91, 0x9b]);
    }
}
