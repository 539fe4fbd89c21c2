//! Modules of the example programs, in a library so that tests can use them; see the binaries.

pub mod chat;
pub mod local;
pub mod locks;
pub mod peer;

/// The code blocks of the README, compiled as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
