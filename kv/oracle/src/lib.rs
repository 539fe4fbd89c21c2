//! Judges histories of the key-value store `kv`: whether its operations are linearisable.
//!
//! A [`Recorder`](history::Recorder) records what concurrent clients see, and [`judge()`] says what is wrong with it.
//!
//! [`sim`] makes histories in virtual time: real nodes and clients in one process, whose network and disks a seed breaks. The program
//! `kv-oracle` runs many seeds.
//!
//! A crate of its own, because tests in virtual time, tests with real processes and a program use it. The checker is our own:
//! stateright's `LinearizabilityTester` tries orders without remembering which it has tried, and brings the crate's HTTP server;
//! that of `todc-utils` takes no history in which an operation has no answer, which is what faults lead to.

pub mod disk;
pub mod history;
mod judge;
mod register;
mod reply;
mod revisions;
mod shrink;
pub mod sim;
mod sweep;

pub use self::judge::judge;
pub use self::register::{Verdict, check};
pub use self::reply::Reply;
pub use self::revisions::check_revisions;
pub use self::shrink::shrink;
pub use self::sweep::sweep;
