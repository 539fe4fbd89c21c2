//! What the example programs are made of, in modules that the tests can use as well; see the binaries.

pub mod chat;
pub mod local;
pub mod locks;
pub mod peer;

/// The code blocks of the README, compiled as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
