//! Peers and strangers that break the protocol, flood a node or stop reading: each harms its own connection at most.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod floods;
mod raw;
mod slow;
#[path = "../support/mod.rs"]
mod support;
