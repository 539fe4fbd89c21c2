//! [`Random`]: random decisions that are the same in each run.

/// A generator of random numbers, which is the same in all versions of this library: SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A generator for one purpose: other `parts` make other numbers.
    pub(super) fn new(seed: u64, parts: [&str; 2], number: u64) -> Self {
        let mut random = Self(seed ^ number.rotate_left(32));
        for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether an event of this probability happens.
    pub(super) fn happens(&mut self, ratio: f64) -> bool {
        // 53 bits are what an `f64` holds.
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        share < ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, parts: [&str; 2], number: u64) -> Vec<bool> {
        let mut random = Random::new(seed, parts, number);
        (0..1000).map(|_| random.happens(0.25)).collect()
    }

    #[test]
    fn the_same_seed_decides_the_same() {
        let first = drawn(1, ["a", "b"], 1);
        assert_eq!(first, drawn(1, ["a", "b"], 1));
        for other in [drawn(2, ["a", "b"], 1), drawn(1, ["b", "a"], 1), drawn(1, ["a", "b"], 2)] {
            assert_ne!(first, other);
        }
        let count = first.iter().filter(|happens| **happens).count();
        assert!((200..300).contains(&count), "{count} of 1000 at a quarter");
    }

    #[test]
    fn what_is_impossible_does_not_happen() {
        let mut random = Random::new(0, ["", ""], 0);
        assert!((0..1000).all(|_| !random.happens(0.0)));
    }
}
