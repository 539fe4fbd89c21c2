//! Calls and streams between servers over one WebSocket per pair of nodes.

mod proto;

pub use proto::wire::HandlerId;
