//! Every shape of a method, through client, encoding, registry and server: without a node, on one node, and on two.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod blocking;
mod clients;
mod contract;
mod fused;
mod limits;
mod local;
mod order;
mod place;
mod service;
mod singles;
mod slow_readers;
mod stream_errors;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod twin;
