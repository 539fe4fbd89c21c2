//! What a node tells programs and logs about what happens: events, and warnings.

pub(in crate::net) mod hub;
pub(in crate::net) mod repeats;
pub(in crate::net) mod warning;
