//! [`Timeline`]: the latest events of a node, and those to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::event::AdminEvent;

/// Events that are kept, and that wait for one reader. With texts of at most a kilobyte, some 300 KiB of a node.
const EVENTS_MAX: usize = 256;

/// The latest events of a node. Its readers receive those to come as well.
pub(super) struct Timeline {
    latest: Mutex<VecDeque<Arc<AdminEvent>>>,
    live: Sender<Arc<AdminEvent>>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { latest: Mutex::default(), live: channel(EVENTS_MAX).0 }
    }

    pub(super) fn add(&self, event: AdminEvent) {
        let event = Arc::new(event);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == EVENTS_MAX {
            latest.pop_front();
        }
        latest.push_back(Arc::clone(&event));
        // Under the lock, so that a reader that begins now receives it once. Without readers it fails, which is fine.
        let _ = self.live.send(event);
    }

    /// Up to this many of the latest events.
    pub(super) fn latest(&self, at_most: usize) -> Vec<AdminEvent> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        last(&latest, at_most).map(|event| (**event).clone()).collect()
    }

    /// Up to this many of the latest events, and all to come.
    pub(super) fn follow(&self, recent: usize) -> Following {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        Following { latest: last(&latest, recent).cloned().collect(), live: self.live.subscribe() }
    }
}

fn last<T>(all: &VecDeque<T>, at_most: usize) -> impl Iterator<Item = &T> {
    all.iter().skip(all.len().saturating_sub(at_most))
}

/// A reader of a [`Timeline`].
pub(super) struct Following {
    latest: VecDeque<Arc<AdminEvent>>,
    live: Receiver<Arc<AdminEvent>>,
}

impl Following {
    /// Returns the next event; `None` when the node is gone.
    pub(super) async fn next(&mut self) -> Option<AdminEvent> {
        if let Some(event) = self.latest.pop_front() {
            return Some((*event).clone());
        }
        match self.live.recv().await {
            Ok(event) => Some((*event).clone()),
            Err(RecvError::Lagged(missed)) => Some(AdminEvent::lagged(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
