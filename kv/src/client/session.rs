//! [`Sessions`]: those of a client that no write uses now.

use std::sync::{Mutex, PoisonError};

/// Sessions that are kept. More are used when more writes run at once, and forgotten after that.
const KEPT_MAX: usize = 64;

/// Sessions and the number of their last write. A session has one write at a time: a later one that overtook it would make it fail.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<(u64, u64)>>);

impl Sessions {
    pub(super) fn take(&self) -> Option<(u64, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn give(&self, session: (u64, u64)) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(session);
        }
    }
}
