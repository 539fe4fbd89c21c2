//! One node: its configuration, its peers, and the loops that dial and accept them.

mod accept;
pub(in crate::net) mod builder;
pub(in crate::net) mod dial;
mod dial_loop;
mod handshake;
pub(in crate::net) mod in_process;
pub(in crate::net) mod listen;
pub(in crate::net) mod manager;
pub(in crate::net) mod name;
mod resolve;
mod shared;
