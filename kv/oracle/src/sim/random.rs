//! [`Random`]: what decides everything in a simulation. Each purpose has a generator of its own, so that a further draw in one place
//! does not change all others.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// See the module.
#[derive(Debug)]
pub(super) struct Random(StdRng);

impl Random {
    /// The generator for one purpose of a run.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        // `DefaultHasher::new` has fixed keys, so the result is the same in each process.
        let mut hasher = DefaultHasher::new();
        (seed, purpose).hash(&mut hasher);
        Self(StdRng::seed_from_u64(hasher.finish()))
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    pub(super) fn range(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.range(range))
    }

    /// One of these, or `None` if there are none.
    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.0.random_range(0..of.len())])
    }

    /// One of these, as often as its weight says.
    pub(super) fn weighted<T: Copy>(&mut self, of: &[(u64, T)]) -> T {
        let mut drawn = self.range(0..of.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in of {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *value,
            }
        }
        unreachable!("it is less than the sum of the weights")
    }
}
