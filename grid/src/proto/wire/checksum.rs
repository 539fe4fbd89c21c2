//! The checksum of messages. It detects damaged bytes, but does not protect against an attacker.

use twox_hash::XxHash3_64;

/// Bytes of the CRC trailer.
pub(crate) const CHECKSUM_LEN: usize = 4;

/// The low 32 bits of XXH3-64 with seed 0. The protocol calls it CRC for historical reasons.
#[must_use]
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    XxHash3_64::oneshot(bytes) as u32
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn golden() {
        // XXH3-64 of no bytes is 2d06800538d394c2.
        assert_eq!(checksum(b""), 0x38d3_94c2);
        // From the vector `ack_mux`.
        assert_eq!(checksum(&unhex("97120000000d01c400")).to_le_bytes(), [0xf4, 0x61, 0x91, 0x9b]);
    }
}
