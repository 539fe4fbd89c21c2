//! TLS: who is trusted, which files are used, and what both ends say when something is wrong.
//!
//! `cargo test --workspace` runs this: another member of the workspace enables the feature.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "../support/log.rs"]
mod log;

mod files;
mod identity;
mod matrix;
mod network;
mod pki;
mod reload;
mod sockets;
mod test_grid;
mod writes;
