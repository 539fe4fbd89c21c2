//! Code of the user's that panics, blocks or calls back: it harms its own call at most.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod blocked_driver;
mod blocking;
mod codes;
mod connecting;
mod drops;
mod futures;
mod gate;
mod hostile;
mod hostile_log;
mod neighbours;
mod row;
mod rows;
mod shutdown;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tcp_pair;
mod values;
