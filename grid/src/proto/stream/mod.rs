//! Open streams, for both sides of a call.
//!
//! | file | what |
//! |---|---|
//! | `core.rs` | state of one stream: sequence numbers, received items |
//! | `capacities.rs` | how many messages may wait |
//! | `control.rs` | how much may be sent: by one of the next two |
//! | `credits.rs` | flow control by credits for items |
//! | `window.rs` | flow control by windows in bytes |
//! | `stall.rs` | whether the writer waits for the reader at the peer |
//! | `look.rs` | what a stream is doing, for operators |
//! | `flow.rs` | sending and receiving items: what caller and callee have in common |

pub(super) mod capacities;
pub(super) mod control;
pub(super) mod core;
pub(super) mod credits;
pub(super) mod flow;
pub(super) mod look;
mod stall;
pub(super) mod window;
