//! Open streams, for both sides of a call.
//!
//! | file | what |
//! |---|---|
//! | `core.rs` | state of one stream: sequence numbers, credits, received items |
//! | `credits.rs` | flow control by credits |
//! | `flow.rs` | sending and receiving items: what caller and callee have in common |

pub(super) mod core;
pub(super) mod credits;
pub(super) mod flow;
