//! The handles of callers at the byte level: connections, calls, and the ends of streams.

pub(in crate::net) mod connection;
pub(in crate::net) mod raw;
pub(in crate::net) mod stream;
