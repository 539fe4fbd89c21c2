//! Clusters of openraft over grid, in one process and in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod append;
mod cluster;
mod consensus;
mod errors;
mod files;
mod groups;
mod members;
mod names;
mod shutdown;
mod snapshots;
mod store;
