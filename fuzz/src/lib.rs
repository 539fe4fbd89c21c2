//! What is fuzzed: each target is a function that takes bytes and panics if it has found something.
//!
//! The programs in `fuzz_targets/` run them in libFuzzer, and `tests/corpus.rs` runs them with the files that are checked
//! in. See README.md for how to run one.

mod codec;
mod input;
mod link_bytes;
mod link_operations;
mod payloads;
mod upgrade;

pub use codec::codec;
pub use link_bytes::link_bytes;
pub use link_operations::link_operations;
pub use payloads::payloads;
pub use upgrade::upgrade;

/// A target.
pub type Target = fn(&[u8]);

/// All targets, with their names.
pub const TARGETS: [(&str, Target); 5] = [
    ("codec", codec),
    ("link_bytes", link_bytes),
    ("link_operations", link_operations),
    ("payloads", payloads),
    ("upgrade", upgrade),
];
