//! Tests of the program `files` with real processes and sockets, compared with the real `find` and `grep`.
//!
//! `nodes` starts the processes; `compare` tests the output, `restart` nodes that end and restart, `refuse` errors.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod compare;
mod nodes;
#[path = "../ports/mod.rs"]
mod ports;
mod refuse;
mod restart;
#[path = "../../src/bin/files/testtree.rs"]
mod testtree;
