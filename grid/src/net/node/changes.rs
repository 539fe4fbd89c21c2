//! [`Changes`]: changes of the host list that were made, and whose effects have not happened yet.
//!
//! A change is made under a lock. Its effects wake tasks, which is code of the user, so they happen outside of the lock, and
//! still in the order of the changes: one thread at a time applies them, those of others included.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::known::Known;
use crate::sync::{Mutex, MutexGuard};

/// One change of the host list.
pub(super) struct Change {
    pub(super) added: Vec<Arc<Known>>,
    pub(super) removed: Vec<Arc<Known>>,
    /// How long the calls of removed members may take.
    pub(super) grace: Duration,
    /// Dropped when nothing of the removed member is left, if somebody waits for that.
    pub(super) waiting: Option<oneshot::Sender<()>>,
}

/// See the module.
pub(super) struct Changes<T = Change>(Mutex<Queue<T>>);

struct Queue<T> {
    changes: VecDeque<T>,
    /// Whether a thread applies them now.
    is_applied: bool,
}

impl<T> Changes<T> {
    /// Adds a change. Changes of the list must be added in the order in which they were made.
    pub(super) fn push(&self, change: T) {
        self.lock().changes.push_back(change);
    }

    /// Lets all changes take effect, unless another thread does so already. `act` must not panic. Returns its results.
    pub(super) fn apply<R>(&self, mut act: impl FnMut(T) -> R) -> Vec<R> {
        let mut results = Vec::new();
        let mut queue = self.lock();
        if queue.is_applied {
            return results;
        }
        queue.is_applied = true;
        while let Some(change) = queue.changes.pop_front() {
            drop(queue);
            results.push(act(change));
            queue = self.lock();
        }
        queue.is_applied = false;
        results
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self(Mutex::new(Queue { changes: VecDeque::new(), is_applied: false }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_effect_after_those_before_it_whoever_made_it() {
        let (changes, effects) = (Changes::default(), Mutex::new(Vec::new()));
        let note = |change: u32| effects.lock().unwrap().push(change);
        changes.push(1);
        let applied = changes.apply(|change| {
            // Meanwhile, another thread makes a change, and need not wait for this one.
            if change == 1 {
                changes.push(2);
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| changes.apply(note).len());
                    assert_eq!(other.join().unwrap(), 0);
                });
            }
            note(change);
        });
        assert_eq!((applied.len(), effects.into_inner().unwrap()), (2, vec![1, 2]));
    }
}
