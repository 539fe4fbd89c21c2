//! [`Random`]: what decides everything in a simulation. Each purpose has a generator of its own, so that a further draw in one
//! place does not change all others.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// See the module.
#[derive(Debug)]
pub(crate) struct Random(StdRng);

impl Random {
    /// The generator for one purpose of a run.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        // `DefaultHasher::new` uses fixed keys, so the result is the same in each process.
        let mut hasher = DefaultHasher::new();
        (seed, purpose).hash(&mut hasher);
        Self(StdRng::seed_from_u64(hasher.finish()))
    }

    /// Returns `true` with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    pub(crate) fn range(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// An index below `len`, which must not be 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.random_range(0..len)
    }

    /// A number whose logarithm is evenly distributed, so that small ones are as frequent as large ones.
    pub(crate) fn log_uniform(&mut self, range: Range<u64>) -> u64 {
        let (low, high) = ((range.start.max(1) as f64).ln(), (range.end as f64).ln());
        let number = self.0.random_range(low..high).exp() as u64;
        number.clamp(range.start, range.end - 1)
    }

    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.range(range))
    }

    /// A time whose logarithm is evenly distributed.
    pub(crate) fn log_uniform_millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.log_uniform(range))
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// One of these, as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, of: &[(u64, T)]) -> T {
        let sum = of.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.range(0..sum);
        for (weight, value) in of {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *value,
            }
        }
        unreachable!("the weights have the sum {sum}")
    }
}
