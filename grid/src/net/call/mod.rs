//! Calls at the byte level: the handles of callers, and the contexts and streams of handlers.

pub(in crate::net) mod abort;
pub(in crate::net) mod caller;
mod chained;
pub(in crate::net) mod connection;
pub(in crate::net) mod context;
pub(in crate::net) mod ends;
pub(in crate::net) mod intercept;
pub(in crate::net) mod metadata;
pub(in crate::net) mod method;
pub(in crate::net) mod options;
mod post;
pub(in crate::net) mod raw;
pub(in crate::net) mod retry;
pub(in crate::net) mod serving;
mod start;
