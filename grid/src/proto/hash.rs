//! The hash of the core's tables: one multiplication per word. The standard hash takes a visible share of a call's
//! time.
//!
//! Each table has a secret random multiplier, so that a peer cannot choose mux ids that collide.

use std::hash::{BuildHasher, Hasher};

use crate::entropy;

/// Builds the hashers of one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold {
    multiplier: u64,
}

impl Default for Fold {
    fn default() -> Self {
        Self { multiplier: entropy::random::<u64>() | 1 }
    }
}

impl BuildHasher for Fold {
    type Hasher = FoldHasher;

    fn build_hasher(&self) -> FoldHasher {
        FoldHasher { multiplier: self.multiplier, hash: self.multiplier }
    }
}

#[derive(Debug)]
pub(super) struct FoldHasher {
    multiplier: u64,
    hash: u64,
}

impl Hasher for FoldHasher {
    fn write_u64(&mut self, word: u64) {
        // Both halves of the product, because a table takes buckets from the low bits and tags from the high bits.
        let product = u128::from(self.hash ^ word) * u128::from(self.multiplier);
        self.hash = (product as u64) ^ (product >> 64) as u64;
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_fill_buckets_and_tags_evenly() {
        let fold = Fold::default();
        let (mut low, mut high) = ([0_u32; 128], [0_u32; 128]);
        for id in 0..128 * 64_u64 {
            let hash = fold.hash_one(id);
            low[hash as usize % 128] += 1;
            high[(hash >> 57) as usize] += 1;
        }
        // The average is 64, and the maximum of 128 random counts is about 90.
        for counts in [low, high] {
            assert!(counts.iter().all(|count| *count < 200), "{counts:?}");
        }
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let fold = Fold::default();
        let key = |handler: u32, last: u8| (handler, Some([&[0; 31][..], &[last]].concat()));
        let hashes = [key(1, 0), key(2, 0), key(1, 1)].map(|key| fold.hash_one(key));
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
        assert_ne!(fold.hash_one((1_u32, None::<Vec<u8>>)), hashes[0]);
    }
}
