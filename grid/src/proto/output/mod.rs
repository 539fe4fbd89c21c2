//! What goes out: encoded messages, large ones in parts, and the queues of those that wait for room.

pub(super) mod outbox;
pub(super) mod queue;
pub(super) mod transfers;
