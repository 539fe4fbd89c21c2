//! A replicated key-value store: [openraft](https://docs.rs/openraft) decides the order of writes, `grid` carries them, and
//! [redb](https://docs.rs/redb) stores them.
//!
//! The program `kv` is a node of it, its client and a demonstration.

pub mod client;
pub mod model;
pub mod node;
pub mod service;
pub mod store;

/// The code blocks of the guide's chapter on replicated services, compiled as doc tests: they are parts of this package, cut short.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/consensus.md")]
mod guide {}
