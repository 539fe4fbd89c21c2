//! `wire.lock`: which changes of a service break nodes of another version, and what the file and the messages look like.
//!
//! | file | what |
//! |---|---|
//! | `methods.rs` | changes of methods and arguments, each with its row; real calls of them are in `grid/tests/evolution.rs` |
//! | `values.rs` | changes of values, each with its rows, and real calls between both versions that agree |
//! | `agreement.rs` | further changes of values, with real calls; `calls.rs` has the services of both |
//! | `errors.rs` | changes of errors |
//! | `table.rs` | the same rows in docs/guide/evolution.md |
//! | `limits.rs` | types without end, and descriptions of hostile nodes |
//! | `structure.rs` | the structure of values in the file |
//! | `file.rs` | the file, the macro and its messages |
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[cfg(feature = "schema")]
#[macro_use]
mod calls;
#[cfg(feature = "schema")]
mod agreement;
#[cfg(feature = "schema")]
mod errors;
mod file;
#[cfg(feature = "schema")]
mod limits;
mod methods;
#[cfg(feature = "schema")]
mod structure;
mod table;
#[cfg(feature = "schema")]
mod values;
