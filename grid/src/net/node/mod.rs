//! One node: its description, its peers, and the loops that dial and accept them.

pub(in crate::net) mod accept;
pub(in crate::net) mod builder;
pub(in crate::net) mod dial;
pub(in crate::net) mod handshake;
pub(in crate::net) mod manager;
pub(in crate::net) mod name;
pub(in crate::net) mod shared;
