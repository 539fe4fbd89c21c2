//! Tests of the storage: openraft's own suite, and what is applied.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod suite;
