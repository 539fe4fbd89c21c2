//! The core as a whole: two links that talk to each other in a time that the tests own.

use std::sync::LazyLock;
use std::time::Instant;

/// The beginning of time for tests of the core; what it is does not matter.
pub(super) fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin, read once")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START
}
