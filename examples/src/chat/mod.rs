//! A chat of several nodes. Each node serves its own users and relays what they say to the other nodes.
//!
//! A user is a two-way stream, [`Chat::join`]: what they type goes in, the lines of the room come out. Each pair of
//! nodes has another two-way stream, [`Chat::relay`]. One of the two opens it, and opens it again after a reconnect.
//! Lines of the time in between do not reach the other node, because a chat has no history.
//!
//! A slow reader blocks nobody else. A reader may be [`room::BEHIND_MAX`] lines behind; beyond that, lines are dropped,
//! and the reader is told how many.

mod demo;
mod host;
mod line;
mod node;
mod relay;
pub mod room;
mod service;

pub use demo::demo;
pub use line::{Line, What};
pub use node::{ChatNode, Seat};
pub use service::{Chat, ChatClient, ChatServer};
