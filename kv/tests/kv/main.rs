//! Tests of the storage, of nodes that are connected in memory, in virtual time, and of real processes.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod access;
mod cluster;
mod crash;
mod demo;
mod deploy;
mod deposed;
mod failover;
mod length;
#[path = "../../src/bin/kv/load.rs"]
mod load;
mod members;
mod once;
#[path = "../../src/bin/kv/processes.rs"]
mod processes;
mod program;
mod purge;
mod reads;
mod real;
mod restart;
mod suite;
mod tls;
mod watch;
