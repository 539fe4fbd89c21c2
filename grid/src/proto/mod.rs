//! The pure layer: what the protocol says, without sockets, tasks, clocks or locks.
//!
//! Bytes come in as [`bytes::Bytes`], time comes in as an argument, facts go out as plain data.

// Until the state machine above the codec uses it.
#![allow(dead_code, unused_imports)]

pub(crate) mod wire;
