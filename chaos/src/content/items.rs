//! The items of streams, and the check that they arrive in order, once, and all.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::id::CallId;

/// Which end of a stream sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    /// From the caller to the handler.
    Input,
    /// From the handler to the caller.
    Output,
}

/// One item of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    call: CallId,
    index: u32,
    pub(crate) body: Bytes,
    sum: u64,
}

/// One direction of one stream: makes its items, or checks them.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    key: Key,
    call: CallId,
    direction: Direction,
    /// How many there are to be.
    count: u32,
    item_bytes: u32,
    next: u32,
}

impl Items {
    pub(crate) fn new(
        key: Key,
        call: CallId,
        direction: Direction,
        count: u32,
        item_bytes: u32,
    ) -> Self {
        Self { key, call, direction, count, item_bytes, next: 0 }
    }

    /// The next item to be sent.
    pub(crate) fn make(&mut self) -> Option<Item> {
        let index = (self.next < self.count).then_some(self.next)?;
        self.next += 1;
        let of = [self.call.0, self.direction as u64, index.into()];
        let body = self.key.body(&of, self.item_bytes as usize);
        let sum = self.sum(index, &body);
        Some(Item { call: self.call, index, body, sum })
    }

    /// Checks the next item that was received.
    pub(crate) fn take(&mut self, item: &Item) -> Result<(), String> {
        if item.call != self.call {
            return Err(format!("an item of {} arrived in {}", item.call, self.call));
        }
        if item.index != self.next {
            return Err(format!("item {} arrived where {} was due", item.index, self.next));
        }
        if item.index >= self.count {
            return Err(format!("item {} arrived after the last one", item.index));
        }
        if item.sum != self.sum(item.index, &item.body)
            || item.body.len() != self.item_bytes as usize
        {
            return Err(format!("item {} arrived damaged", item.index));
        }
        self.next += 1;
        Ok(())
    }

    /// Checks that a stream that has ended without an error was complete.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.next == self.count {
            true => Ok(()),
            false => Err(format!(
                "the {:?} of a stream ended without an error after {} of {} items",
                self.direction, self.next, self.count
            )),
        }
    }

    /// How many were made or received.
    pub(crate) fn passed(&self) -> u32 {
        self.next
    }

    fn sum(&self, index: u32, body: &[u8]) -> u64 {
        self.key.sum("item", &[self.call.0, self.direction as u64, index.into()], body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(direction: Direction) -> Items {
        Items::new(Key(3), CallId(9), direction, 4, 30)
    }

    fn items() -> Vec<Item> {
        let mut stream = stream(Direction::Output);
        std::iter::from_fn(|| stream.make()).collect()
    }

    /// What is found in a stream that carries these items and ends without an error.
    fn check<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<(), String> {
        let mut stream = stream(Direction::Output);
        for item in items {
            stream.take(item)?;
        }
        stream.end()
    }

    #[test]
    fn a_complete_stream_passes() {
        assert_eq!(check(&items()), Ok(()));
    }

    #[test]
    fn a_lost_item_is_noticed_wherever_it_was() {
        let all = items();
        for lost in 0..4 {
            let rest = all.iter().enumerate().filter(|(index, _)| *index != lost);
            assert!(check(rest.map(|(_, item)| item)).is_err(), "item {lost}");
        }
        assert!(check(&all[..3]).unwrap_err().contains("after 3 of 4"));
        assert!(check(&all[..0]).unwrap_err().contains("after 0 of 4"));
    }

    #[test]
    fn a_doubled_and_a_swapped_item_are_noticed() {
        let all = items();
        assert!(check([&all[0], &all[0]]).unwrap_err().contains("0 arrived where 1"));
        assert!(check([&all[0], &all[2], &all[1]]).unwrap_err().contains("2 arrived where 1"));
    }

    #[test]
    fn damaged_and_strange_items_are_noticed() {
        let all = items();
        let mut body = all[0].body.to_vec();
        body[3] ^= 4;
        let damaged = Item { body: body.into(), ..all[0].clone() };
        assert!(check([&damaged]).unwrap_err().contains("damaged"));
        let other_stream = Item { call: CallId(8), ..all[0].clone() };
        assert!(check([&other_stream]).unwrap_err().contains("node0.0#8"));
        let other_direction = stream(Direction::Input).make().unwrap();
        assert!(check([&other_direction]).unwrap_err().contains("damaged"));
    }

    #[test]
    fn an_item_after_the_last_one_is_noticed() {
        let mut longer = Items { count: 5, ..stream(Direction::Output) };
        let more: Vec<_> = std::iter::from_fn(|| longer.make()).collect();
        assert!(check(&more).unwrap_err().contains("after the last one"));
    }
}
