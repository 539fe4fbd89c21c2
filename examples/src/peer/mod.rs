//! What the program `peer` serves, checks and measures.
//!
//! Any node that speaks the protocol and serves the same handlers can be at the other end, one in Go included: the byte
//! level is used throughout, every id is one that Go has, and nothing here needs an extension.

pub mod bench;
pub mod checks;
pub mod handlers;
