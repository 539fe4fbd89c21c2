//! How much memory a peer makes this node hold, and the limits of it.
//!
//! Each link has a [`Ledger`], and all links of a node share a [`NodeBytes`]. Memory is counted as allocated:
//!
//! | what | how it is counted |
//! |---|---|
//! | received messages of 4 KiB and more, also while their parts are put together | each has a [`Charge`] in its `Bytes`, which is given back when the last slice is dropped, or with a [`Handover`] |
//! | smaller ones, while a handler, a stream or a call has them | in the link's [`Account`], under its lock |
//! | output that the peer does not read | in the [`Account`] as well |
//!
//! Before memory is used for a message, its bytes are charged. If they do not fit, only that call, stream or transfer
//! fails, with [`Over`].
//!
//! | file | what |
//! |---|---|
//! | `ledger.rs` | the counters that threads share |
//! | `charge.rs` | what one message or transfer adds to them, until its memory is freed or becomes the user's |
//! | `account.rs` | what a link holds under its lock |

mod account;
mod charge;
mod ledger;
#[cfg(all(test, grid_loom))]
mod schedules;

pub(super) use self::account::Account;
pub(crate) use self::charge::{Charge, Handover};
pub(super) use self::ledger::IN_PARTS_BYTES;
pub(crate) use self::ledger::{Ledger, NodeBytes, Over};
