//! Peers and strangers that break the protocol, flood a node or stop reading: each harms its own connection at most.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod contracts;
mod floods;
mod identity;
#[path = "../support/listener.rs"]
mod listener;
#[path = "../support/log.rs"]
mod log;
mod raw;
#[path = "../support/script.rs"]
mod script;
mod slow;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
