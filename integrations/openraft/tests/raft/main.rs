//! Clusters of openraft over grid, in one process and in virtual time.

mod append;
mod cluster;
mod consensus;
mod errors;
mod groups;
mod members;
mod snapshots;
mod store;
