//! HMAC with SHA-256 (RFC 2104). The crate `hmac` would be one crate more for these lines.

use sha2::{Digest as _, Sha256};

/// Length of a MAC in bytes.
pub(super) const MAC_BYTES: usize = 32;

/// A MAC.
pub(super) type Mac = [u8; MAC_BYTES];

/// Length of the blocks of SHA-256 in bytes.
const BLOCK_BYTES: usize = 64;

/// Returns the MAC over the concatenation of `parts`.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Mac {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..MAC_BYTES].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Compares in constant time for a given length, so that a secret cannot be guessed byte by byte.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_vectors_of_rfc_4231() {
        let long = [0xaa; 131];
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 7] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &counted,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0x0c; 20],
                b"Test With Truncation",
                "a3b6167473100ee06e0c796c2955552b",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &long,
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs \
                to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, mac) in cases {
            let found = hex(&hmac_sha256(key, &[data]));
            // The fifth vector is truncated to 128 bits.
            assert_eq!(&found[..mac.len()], mac);
            let (head, tail) = data.split_at(data.len() / 2);
            assert_eq!(hex(&hmac_sha256(key, &[head, tail])), found, "parts are concatenated");
        }
    }

    #[test]
    fn lengths_count() {
        assert!(same(b"abc", b"abc") && !same(b"abc", b"ab") && !same(b"", b"a") && same(b"", b""));
        assert!(!same(b"abc", b"abd"));
    }
}
