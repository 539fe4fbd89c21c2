//! The handlers of a node: the table of handlers, and the code that runs them.

pub(in crate::net) mod dispatch;
mod first_poll;
pub(in crate::net) mod registry;
