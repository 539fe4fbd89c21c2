//! The host list of a running node: changes by hand, its sources, nodes that drain, and guests, which are on no list.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[cfg(feature = "dns")]
mod dns;
mod drain;
mod guests;
mod list;
mod sockets;
mod sources;
#[path = "../support/mod.rs"]
mod support;
