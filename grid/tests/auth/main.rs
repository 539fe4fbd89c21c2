//! Who may connect, what a connection proves, and which calls are permitted.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod authenticators;
mod details;
#[cfg(feature = "jwt")]
mod jwt;
mod names;
mod permit;
mod proof;
mod rotation;
#[path = "../support/mod.rs"]
mod support;
