//! One call at the byte level, from both sides: what callers hold, and what handlers get.

pub(in crate::net) mod abort;
pub(in crate::net) mod connection;
pub(in crate::net) mod context;
pub(in crate::net) mod ends;
pub(in crate::net) mod options;
pub(in crate::net) mod raw;
