//! Who may send how much on a stream: credits for items as in the base protocol, or a window in bytes (extension
//! `windows`). Each end of a stream has one of each: an [`Outflow`] for what it sends, an [`Inflow`] for what it receives.

use std::num::NonZeroU32;

use crate::proto::stream::capacities::credits_of;
use crate::proto::stream::credits::{RecvCredits, SendCredits};
use crate::proto::stream::look::WindowLook;
use crate::proto::stream::window::{RecvWindow, SendWindow};
use crate::proto::wire::Grant;

/// What the receiver tells the sender when its reader has taken items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Returned {
    Credits(NonZeroU32),
    Window(Grant),
}

/// How much may be sent.
#[derive(Debug)]
pub(in crate::proto) enum Outflow {
    Credits(SendCredits),
    Window(SendWindow),
}

/// How much may be received.
#[derive(Debug)]
pub(in crate::proto) enum Inflow {
    Credits(RecvCredits),
    Window(RecvWindow),
}

impl Outflow {
    /// What the callee may send of the answers of a stream. The caller has announced the window, if the session has windows.
    pub(in crate::proto) fn opened(outgoing: u32, announced: Option<Grant>) -> Self {
        match announced {
            Some(announced) => Self::Window(SendWindow::new(announced)),
            None => Self::Credits(SendCredits::opened(credits_of(outgoing.max(1)))),
        }
    }

    /// What the caller may send of the input of a stream that the callee has not accepted yet: nothing.
    pub(in crate::proto) fn closed(incoming: u32, has_windows: bool) -> Self {
        match has_windows {
            true => Self::Window(SendWindow::closed()),
            false => Self::Credits(SendCredits::closed(credits_of(incoming))),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Credits(credits) => !credits.is_empty(),
            Self::Window(window) => window.is_open(),
        }
    }

    /// Spends what an item needs; `false` if there is nothing.
    #[must_use]
    pub(super) fn spend(&mut self, len: usize) -> bool {
        match self {
            Self::Credits(credits) => credits.take(),
            Self::Window(window) => window.spend(len),
        }
    }

    /// The same for the error with which a stream ends, which needs no window.
    #[must_use]
    pub(super) fn spend_for_error(&mut self) -> bool {
        match self {
            Self::Credits(credits) => credits.take(),
            Self::Window(_) => true,
        }
    }

    /// The peer has accepted the stream, and has announced this window if it uses one.
    pub(super) fn open(&mut self, announced: Option<Grant>) {
        match (self, announced) {
            (Self::Credits(credits), _) => credits.open(),
            (Self::Window(window), Some(announced)) => *window = SendWindow::new(announced),
            // The handler takes no input.
            (Self::Window(_), None) => {}
        }
    }

    /// Returns whether the stream can use what was returned.
    pub(super) fn take_back(&mut self, returned: Returned) -> bool {
        match (self, returned) {
            (Self::Credits(credits), Returned::Credits(count)) => credits.grant(count.get()),
            (Self::Window(window), Returned::Window(grant)) => {
                window.grant(grant);
                true
            }
            (Self::Credits(_), Returned::Window(_)) | (Self::Window(_), Returned::Credits(_)) => {
                debug_assert!(false, "both belong to one session");
                false
            }
        }
    }

    /// An item has to wait for the receiver.
    pub(super) fn note_wait(&mut self) {
        if let Self::Window(window) = self {
            window.note_wait();
        }
    }

    /// Whether the receiver should know that something had to wait for its window.
    pub(super) fn take_waited(&mut self) -> bool {
        match self {
            Self::Credits(_) => false,
            Self::Window(window) => window.take_waited(),
        }
    }

    pub(super) fn look(&self) -> WindowLook {
        match self {
            Self::Credits(credits) => credits.look(),
            Self::Window(window) => window.look(),
        }
    }
}

impl Inflow {
    /// What may be received with this window, or with this capacity if the session has no windows.
    pub(in crate::proto) fn new(capacity: u32, window: Option<RecvWindow>) -> Self {
        match window {
            Some(window) => Self::Window(window),
            None => Self::Credits(RecvCredits::new(credits_of(capacity))),
        }
    }

    /// Counts a received item. Returns `false` if the sender was not allowed to send it.
    #[must_use]
    pub(super) fn receive(&mut self, len: usize, waited: bool, is_read: bool) -> bool {
        match self {
            Self::Credits(credits) => credits.receive(),
            Self::Window(window) => window.receive(len, waited, is_read),
        }
    }

    /// The reader has taken an item, and others that use `unread` bytes wait for it. `batch`: several credits may be
    /// returned together.
    pub(super) fn take(&mut self, unread: u64, batch: bool) -> Option<Returned> {
        match self {
            Self::Credits(credits) => NonZeroU32::new(credits.take(batch)).map(Returned::Credits),
            Self::Window(window) => window.take(unread).map(Returned::Window),
        }
    }

    /// Whether the sender may send something, as far as this side knows.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Credits(credits) => !credits.is_empty(),
            Self::Window(window) => window.is_open(),
        }
    }

    pub(super) fn look(&self) -> WindowLook {
        match self {
            Self::Credits(credits) => credits.look(),
            Self::Window(window) => window.look(),
        }
    }

    /// Items that may be on their way, at most.
    pub(super) fn items_max(&self) -> u32 {
        match self {
            Self::Credits(credits) => credits.capacity(),
            Self::Window(window) => window.items_max(),
        }
    }

    /// The window, if there is one.
    pub(super) fn window(&self) -> Option<&RecvWindow> {
        match self {
            Self::Credits(_) => None,
            Self::Window(window) => Some(window),
        }
    }

    pub(super) fn window_mut(&mut self) -> Option<&mut RecvWindow> {
        match self {
            Self::Credits(_) => None,
            Self::Window(window) => Some(window),
        }
    }
}
