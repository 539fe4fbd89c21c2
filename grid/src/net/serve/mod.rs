//! The handlers of a node: the table of them, and running them.

pub(in crate::net) mod dispatch;
mod first_poll;
pub(in crate::net) mod registry;
