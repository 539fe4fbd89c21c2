//! A chat of several nodes: each serves the users who are connected through it, and relays to the others what they say.
//!
//! A user's connection is a two-way stream, [`Chat::join`]: what they type goes in, what the room says comes out. Between
//! each two nodes there is a two-way stream as well, [`Chat::relay`], which one of them opens and which is opened again
//! when their link comes back. What is said while it is down does not reach the other side: a chat has no history.
//!
//! Nobody waits for a slow reader. Each has a window of [`room::BEHIND_MAX`] lines; who falls behind further is told how
//! many lines were missed.

mod demo;
mod line;
mod node;
mod relay;
pub mod room;
mod service;

pub use demo::demo;
pub use line::{Line, What};
pub use node::{ChatNode, Seat};
pub use service::{Chat, ChatClient, ChatServer};
