//! Bugs that the design of the base protocol invites, each as a test: those that its first implementation has had and mended
//! over the years. `docs/reliability.md` has the table, with the tests that are elsewhere.
//!
//! | file | what |
//! |---|---|
//! | `links.rs` | connections that are lost, replaced, or opened and never used |
//! | `streams.rs` | the ends of streams, and what one stream does to others |
//! | `buffers.rs` | buffers that are shared after they were sent or received |
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod buffers;
mod links;
#[path = "../support/script.rs"]
mod script;
mod streams;
#[path = "../support/mod.rs"]
mod support;

/// With all extensions, with credits instead of windows, and with the base protocol alone.
fn protocols() -> [Vec<&'static str>; 3] {
    [support::EXTENSIONS.clone(), support::without_windows().collect(), Vec::new()]
}
