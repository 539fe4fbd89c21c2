//! The handlers of a node: the table of them, what they learn about a call, and running them.

pub(in crate::net) mod context;
pub(in crate::net) mod dispatch;
pub(in crate::net) mod registry;
