//! Windows: how many bytes of a stream's items may be sent before the other side has read some (extension `windows`).
//!
//! The receiver announces a window, which it chooses and changes by itself. The sender spends it with each item, and the
//! receiver opens it again as its reader takes items. An item may be sent while anything of the window is left, so that no
//! item is too large for a small window.
//!
//! A window starts small, and is doubled when the sender says that it had to wait, although the reader has taken everything:
//! then the window is smaller than what is on its way in a round trip. A reader that sleeps never gets more than it had.

use crate::proto::stream::credits::{RecvCredits, SendCredits};
use crate::proto::stream::look::WindowLook;
use crate::proto::wire::Grant;

/// What an item costs beside its payload, so that a window limits the number of empty items as well. Part of the protocol.
const ITEM_COST: i64 = 64;

/// A sender's window is never larger than this, whatever the receiver announces, so that sums do not overflow.
const OPEN_MAX: i64 = 1 << 40;

/// The window of a new stream: enough for 10 Gbit/s with a round trip of 0.1 ms.
pub(in crate::proto) const WINDOW_BYTES: u32 = 128 * 1024;

/// The window of a new stream when the link has no more to give: 64 items of 512 bytes, the credits of a stream without
/// windows.
const WINDOW_BYTES_MIN: u32 = 32 * 1024;

/// The receiver opens the window at the latest when this much can be opened: a message for each item would cost more than
/// the item.
const GRANT_BYTES: u32 = 256 * 1024;

/// What an item of this length costs.
pub(in crate::proto) fn cost(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(OPEN_MAX).saturating_add(ITEM_COST)
}

/// What is left of a window of which more may have been sent than was left.
fn bytes_of(open: i64) -> u64 {
    u64::try_from(open).unwrap_or(0)
}

/// The window as its sender sees it.
#[derive(Debug, Clone, Copy)]
pub(in crate::proto) struct SendWindow {
    /// Bytes that may still be sent. Below zero after an item that was larger than that.
    open: i64,
    /// If the receiver limits the number of items.
    items: Option<SendCredits>,
    /// Something had to wait for bytes since the last item.
    waited: bool,
}

impl SendWindow {
    /// As announced by the receiver.
    pub(in crate::proto) fn new(announced: Grant) -> Self {
        let is_counted = announced.items != Grant::UNCOUNTED;
        let items = is_counted.then(|| SendCredits::opened(announced.items));
        Self { open: announced.bytes.into(), items, waited: false }
    }

    /// Nothing may be sent before the receiver announces something.
    pub(in crate::proto) fn closed() -> Self {
        Self::new(Grant { bytes: 0, items: Grant::UNCOUNTED })
    }

    pub(in crate::proto) fn is_open(&self) -> bool {
        self.open > 0 && self.items.is_none_or(|items| !items.is_empty())
    }

    pub(super) fn look(&self) -> WindowLook {
        let items = self.items.map(|items| items.look()).unwrap_or_default();
        WindowLook { bytes: Some(bytes_of(self.open)), ..items }
    }

    /// An item has to wait. A window that is short of items does not become better with more bytes.
    pub(in crate::proto) fn note_wait(&mut self) {
        self.waited |= self.open <= 0;
    }

    /// Spends what an item of this length costs; `false` if the window is not open.
    #[must_use]
    pub(in crate::proto) fn spend(&mut self, len: usize) -> bool {
        if !self.is_open() {
            return false;
        }
        self.open -= cost(len);
        self.items.as_mut().is_none_or(SendCredits::take)
    }

    /// Whether something had to wait since this was asked last.
    pub(in crate::proto) fn take_waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    /// The receiver has opened the window.
    pub(in crate::proto) fn grant(&mut self, grant: Grant) {
        self.open = self.open.saturating_add(grant.bytes.into()).min(OPEN_MAX);
        if let Some(items) = &mut self.items {
            // More than there were at first are of no use.
            let _ = items.grant(grant.items);
        }
    }
}

/// The window as its receiver sees it.
#[derive(Debug, Clone, Copy)]
pub(in crate::proto) struct RecvWindow {
    /// What the sender may still send, as far as this side knows.
    open: i64,
    /// What is open and what waits for the reader should be this much together.
    target: u32,
    target_max: u32,
    /// The sender had to wait, and the reader waited for it.
    is_short: bool,
    /// The window has grown, and the sender cannot know yet. That it has waited says nothing until then.
    growth: Option<Growth>,
    /// If this side limits the number of items.
    items: Option<RecvCredits>,
}

/// What the sender may have sent before it learns that the window has grown. When it has, it has waited once more.
#[derive(Debug, Clone, Copy)]
struct Growth {
    known_after: i64,
}

impl RecvWindow {
    /// A window of `bytes`, which may grow up to `target_max`, with at most `items_max` items if that is given.
    pub(in crate::proto) fn new(bytes: u32, target_max: u32, items_max: Option<u32>) -> Self {
        Self {
            open: bytes.into(),
            target: bytes,
            target_max: target_max.max(bytes),
            is_short: false,
            growth: None,
            items: items_max.map(RecvCredits::new),
        }
    }

    /// What the sender must know about a new window.
    pub(in crate::proto) fn announced(&self) -> Grant {
        Grant {
            bytes: u32::try_from(self.open).unwrap_or(0),
            items: self.items.map_or(Grant::UNCOUNTED, |items| items.capacity()),
        }
    }

    /// What the stream has of the link's windows.
    pub(in crate::proto) fn target(&self) -> u32 {
        self.target
    }

    /// Items that may be under way, at most.
    pub(in crate::proto) fn items_max(&self) -> u32 {
        let by_bytes = self.open.max(0) / ITEM_COST + 1;
        let by_bytes = u32::try_from(by_bytes).unwrap_or(u32::MAX);
        self.items.map_or(by_bytes, |items| items.capacity().min(by_bytes))
    }

    /// Whether the sender may send something, as far as this side knows.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0 && self.items.is_none_or(|items| !items.is_empty())
    }

    pub(super) fn look(&self) -> WindowLook {
        let items = self.items.map(|items| items.look()).unwrap_or_default();
        WindowLook { bytes: Some(bytes_of(self.open)), bytes_max: Some(self.target), ..items }
    }

    /// Counts a received item. Returns `false` if the window was not open for it. `waited`: the sender says that something
    /// had to wait for this window. `is_read`: the reader has taken all items before this one.
    #[must_use]
    pub(in crate::proto) fn receive(&mut self, len: usize, waited: bool, is_read: bool) -> bool {
        if self.open <= 0 || !self.items.as_mut().is_none_or(RecvCredits::receive) {
            return false;
        }
        if waited {
            match self.growth {
                None => self.is_short |= is_read,
                Some(Growth { known_after: ..=0 }) => self.growth = None,
                Some(_) => {}
            }
        }
        self.open -= cost(len);
        if let Some(growth) = &mut self.growth {
            growth.known_after -= cost(len);
        }
        true
    }

    /// By how much the window should grow; 0 if it is large enough.
    pub(in crate::proto) fn wanted(&self) -> u32 {
        if self.is_short { self.target.min(self.target_max - self.target) } else { 0 }
    }

    /// The window may be larger by this much, which can be less than [`wanted`](Self::wanted).
    pub(in crate::proto) fn grow(&mut self, bytes: u32) {
        self.is_short = false;
        if bytes > 0 {
            self.target = self.target.saturating_add(bytes);
            self.growth = Some(Growth { known_after: self.open.max(0) });
        }
    }

    /// Makes the window smaller by at most this much, but not smaller than a first one. What was granted stays granted, so
    /// only what could be opened now counts: `unread` as for [`take`](Self::take). Returns by how much.
    pub(in crate::proto) fn shrink(&mut self, bytes: u32, unread: u64) -> u32 {
        let spare = self.target.saturating_sub(WINDOW_BYTES);
        let room = u32::try_from(self.room(unread).max(0)).unwrap_or(u32::MAX);
        let shrunk = bytes.min(spare).min(room);
        self.target -= shrunk;
        shrunk
    }

    /// Nothing more is received. Returns what the stream had of the link's windows.
    pub(in crate::proto) fn give_up(&mut self) -> u32 {
        std::mem::take(&mut self.target)
    }

    /// The reader has taken an item, and others that use `unread` bytes wait for it. Returns what the sender must know now,
    /// if anything.
    pub(in crate::proto) fn take(&mut self, unread: u64) -> Option<Grant> {
        let room = self.room(unread);
        let mut items = self.items.as_mut().map_or(0, |items| items.take(true));
        if items == 0 && room < (self.target / 2).clamp(1, GRANT_BYTES).into() {
            return None;
        }
        items += self.items.as_mut().map_or(0, RecvCredits::settle);
        let bytes = u32::try_from(room.max(0)).unwrap_or(u32::MAX);
        self.open += i64::from(bytes);
        Some(Grant { bytes, items })
    }

    /// How far the window could be opened.
    fn room(&self, unread: u64) -> i64 {
        let closed = i64::from(self.target).saturating_sub(self.open);
        closed.saturating_sub(i64::try_from(unread).unwrap_or(i64::MAX))
    }
}

/// What the windows of all streams of a link have together.
///
/// A quarter is kept for new streams: windows grow only into the rest. While less is left, streams that have grown give
/// back what their readers take.
#[derive(Debug)]
pub(in crate::proto) struct WindowBudget {
    used: u64,
    max: u64,
}

impl WindowBudget {
    pub(in crate::proto) fn new(max: usize) -> Self {
        Self { used: 0, max: max as u64 }
    }

    /// The window of a new stream, at most `max`: smaller the less is left, and never so small that the stream is slow.
    pub(in crate::proto) fn first(&mut self, max: u32) -> u32 {
        let share = u32::try_from(self.left() / 8).unwrap_or(u32::MAX);
        let bytes = share.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES).min(max);
        self.used += u64::from(bytes);
        bytes
    }

    /// Takes as much of `wanted` as is left for windows that grow.
    pub(in crate::proto) fn take(&mut self, wanted: u32) -> u32 {
        let free = self.left().saturating_sub(self.reserve());
        let bytes = u32::try_from(free).unwrap_or(u32::MAX).min(wanted);
        self.used += u64::from(bytes);
        bytes
    }

    /// What is missing for new streams.
    pub(in crate::proto) fn missing(&self) -> u32 {
        u32::try_from(self.reserve().saturating_sub(self.left())).unwrap_or(u32::MAX)
    }

    /// Gives back what a stream had.
    pub(in crate::proto) fn give_back(&mut self, bytes: u32) {
        debug_assert!(self.used >= bytes.into());
        self.used = self.used.saturating_sub(bytes.into());
    }

    fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }

    fn reserve(&self) -> u64 {
        self.max / 4
    }

    #[cfg(test)]
    pub(in crate::proto) fn used(&self) -> u64 {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 16 << 20;

    /// Both ends of a stream on a line that carries `line` items each way per round, which its reader takes at once.
    /// Returns the items that arrive in the last of `rounds` rounds.
    fn run(rounds: usize, line: usize, len: usize, reads: bool) -> (usize, RecvWindow) {
        let mut recv = RecvWindow::new(WINDOW_BYTES, MAX, None);
        let mut send = SendWindow::new(recv.announced());
        let (mut grants, mut arrived, mut unread) = (Vec::<Grant>::new(), 0, 0_u64);
        for _ in 0..rounds {
            let mut sent = Vec::new();
            while sent.len() < line && send.is_open() {
                sent.push(send.take_waited());
                assert!(send.spend(len));
            }
            if sent.len() < line {
                send.note_wait();
            }
            grants.drain(..).for_each(|grant| send.grant(grant));
            arrived = sent.len();
            for waited in sent {
                assert!(recv.receive(len, waited, unread == 0));
                if reads {
                    if recv.wanted() > 0 {
                        recv.grow(recv.wanted());
                    }
                    grants.extend(recv.take(unread));
                } else {
                    unread += len as u64;
                }
            }
        }
        (arrived, recv)
    }

    #[test]
    fn a_reader_that_keeps_up_gets_what_the_line_carries() {
        for (line, len) in [(1000, 512), (5, 1 << 20), (12_000, 512)] {
            let (arrived, recv) = run(40, line, len, true);
            assert_eq!(arrived, line);
            let needed = line as u64 * cost(len) as u64;
            assert!(u64::from(recv.target()) < 4 * needed, "{} for {needed}", recv.target());
        }
    }

    #[test]
    fn a_reader_that_sleeps_holds_no_more_than_the_first_window() {
        let (arrived, recv) = run(100, 1000, 512, false);
        assert_eq!((arrived, recv.target()), (0, WINDOW_BYTES));
        assert!(recv.announced().bytes == 0 && recv.open > -cost(512));
    }

    #[test]
    fn an_item_larger_than_the_window_passes_while_it_is_open() {
        let mut send = SendWindow::new(Grant { bytes: 1, items: Grant::UNCOUNTED });
        assert!(send.spend(1 << 20) && !send.is_open());
        let mut recv = RecvWindow::new(1, MAX, None);
        assert!(recv.receive(1 << 20, false, true));
        assert!(!recv.receive(0, false, true), "without a window");
        let Some(grant) = recv.take(0) else { panic!("the reader has taken all") };
        send.grant(grant);
        assert!(send.is_open());
    }

    #[test]
    fn the_number_of_items_can_be_limited_as_well() {
        for max in [1, 2, 5] {
            let mut recv = RecvWindow::new(WINDOW_BYTES, MAX, Some(max));
            let mut send = SendWindow::new(recv.announced());
            for _ in 0..100 {
                let mut sent = 0;
                while send.spend(10) {
                    assert!(recv.receive(10, false, false));
                    sent += 1;
                }
                assert!((1..=max).contains(&sent), "{sent} of {max}");
                assert!(!recv.receive(10, false, false), "one too many");
                for _ in 0..sent {
                    if let Some(grant) = recv.take(0) {
                        send.grant(grant);
                    }
                }
            }
        }
    }

    #[test]
    fn no_grant_overflows() {
        let most = Grant { bytes: u32::MAX, items: u32::MAX };
        let mut send = SendWindow::new(Grant { bytes: u32::MAX, items: 1 });
        (0..10_000).for_each(|_| send.grant(most));
        assert_eq!(send.open, OPEN_MAX);
        assert!(send.spend(1) && !send.is_open(), "more items than announced are of no use");
    }

    #[test]
    fn windows_that_grow_leave_a_quarter_for_new_streams_and_give_it_back() {
        const SUM: u64 = 32 << 20;
        let mut budget = WindowBudget::new(SUM as usize);
        let mut fast = RecvWindow::new(budget.first(MAX), u32::MAX, None);
        fast.grow(budget.take(u32::MAX));
        assert_eq!(
            (u64::from(fast.target()), budget.take(1), budget.missing()),
            (SUM / 4 * 3, 0, 0)
        );
        // New streams have full windows at first, and take from the quarter, which is then missing.
        let windows: Vec<_> = (0..1000).map(|_| budget.first(MAX)).collect();
        assert_eq!((windows[0], windows[999]), (WINDOW_BYTES, WINDOW_BYTES_MIN));
        // What the fast stream's reader takes is given back, but nothing that was granted.
        assert_eq!(u64::from(fast.shrink(budget.missing(), 0)), SUM / 4);
        fast.shrink(u32::MAX, 0);
        assert_eq!((fast.give_up(), fast.target()), (WINDOW_BYTES, 0), "a first window is left");
    }

    #[test]
    fn what_was_granted_stays_granted() {
        let mut window = RecvWindow::new(1 << 20, MAX, None);
        assert_eq!(window.shrink(u32::MAX, 0), 0, "all of it is open");
        assert!(window.receive((1 << 19) - 64, false, true));
        assert_eq!(window.shrink(u32::MAX, 0), 1 << 19);
        assert_eq!(window.take(0), None);
    }

    /// A stream that is limited in items has the bytes of its first window, however long its sender waits.
    #[test]
    fn a_window_does_not_grow_because_items_are_limited() {
        let mut recv = RecvWindow::new(WINDOW_BYTES, MAX, Some(1));
        let mut send = SendWindow::new(recv.announced());
        for _ in 0..10_000 {
            assert!(send.spend(100));
            assert!(!send.is_open());
            send.note_wait();
            assert!(recv.receive(100, send.take_waited(), true) && recv.wanted() == 0);
            recv.take(0).into_iter().for_each(|grant| send.grant(grant));
        }
    }
}
