//! The program `files` as its users have it: real processes, real sockets, compared with the real `find` and `grep`.
//!
//! `nodes` starts the processes; `compare` looks at what is printed, `restart` at nodes that come and go, `refuse` at
//! everything that must not work.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "also helpers of tests are tests")]

mod compare;
mod nodes;
mod refuse;
mod restart;
#[path = "../../src/bin/files/testtree.rs"]
mod testtree;
