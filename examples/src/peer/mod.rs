//! Handlers, checks and measurements of the program `peer`.
//!
//! The other node may be any that speaks the protocol and serves the same handlers, such as one in Go: everything here
//! works at the byte level, uses ids that Go has, and needs no extension of the protocol.

pub mod bench;
pub mod checks;
pub mod handlers;
