//! What calls carry: requests, answers and items that can be checked, by whoever receives them.

mod ask;
mod items;
mod key;

pub(crate) use ask::{Answer, Ask, Refusal, Wanted};
pub(crate) use items::{Direction, Item, Items};
pub(crate) use key::Key;
