//! Tests of the storage, of nodes that are connected in memory, in virtual time, and of real processes.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod access;
mod cluster;
mod crash;
mod deposed;
mod failover;
mod files;
mod members;
mod once;
mod reads;
mod suite;
mod watch;
