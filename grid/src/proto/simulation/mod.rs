//! Two links, the wire between them and their users, in virtual time: for the tests of the core, and, with the feature
//! `__internals`, for the fuzzing in fuzz/.
//!
//! | file | what |
//! |---|---|
//! | `pair.rs` | two links and the wire between them |
//! | `world/` | the users of a pair, and what they check |
//! | `steps.rs` | schedules of all that the users and a bad network can do |

#![cfg_attr(not(test), allow(dead_code, reason = "the tests use more of it than the fuzzing"))]
#![cfg_attr(
    not(feature = "__internals"),
    allow(unreachable_pub, reason = "the fuzzing reaches it through internals/")
)]
#![allow(clippy::indexing_slicing, reason = "a simulation that panics has found something")]

pub(in crate::proto) mod pair;
pub(in crate::proto) mod steps;
pub(in crate::proto) mod world;

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use crate::error::LinkError;

/// The time at which simulations start. Its value does not matter.
pub(in crate::proto) fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin, read once")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START
}

/// A reason for the end of a connection.
pub(in crate::proto) fn why(reason: &str) -> Arc<LinkError> {
    Arc::new(LinkError::Handshake { reason: reason.to_owned() })
}
