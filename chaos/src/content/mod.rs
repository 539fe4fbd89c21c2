//! Requests, answers and items of calls, which their receivers can check.

mod ask;
mod items;
mod key;

pub(crate) use ask::{Answer, Ask, Refusal, Wanted};
pub(crate) use items::{Direction, Item, Items};
pub(crate) use key::Key;
