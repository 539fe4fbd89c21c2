//! [`Sampling`]: which calls a recorder sees.

use std::sync::Arc;

use crate::entropy;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Which calls a recorder sees: none, all, or one in some number, at random. Clones are one. A call costs no more than a look at
/// it while it is off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sampling(Arc<AtomicU32>);

impl Sampling {
    /// From now on, one call in this many is recorded; 0: none.
    pub(crate) fn set(&self, one_in: u32) {
        // All calls read it, so it is written only when it changes.
        if self.0.load(Ordering::Relaxed) != one_in {
            self.0.store(one_in, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// For how many calls one stands that begins now; 0 if it is not recorded.
    pub(super) fn weight(&self) -> u32 {
        match self.0.load(Ordering::Relaxed) {
            all_or_none @ (0 | 1) => all_or_none,
            one_in if entropy::random::<u32>() < u32::MAX / one_in => one_in,
            _ => 0,
        }
    }
}
