//! [`Watchers`]: who sees the calls of a node.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::RemoteError;
use crate::intercept::Finished;
use crate::net::Switch;

/// Operators who watch at once, at most. Each of them costs every call a little.
const WATCHERS_MAX: usize = 16;

/// Sees the calls of a node when they are over.
pub(super) trait Watcher: Send + Sync {
    fn see(&self, call: &Finished<'_>);
}

/// The watchers of a node's calls.
#[derive(Default)]
pub(super) struct Watchers {
    all: RwLock<Vec<Arc<dyn Watcher>>>,
    /// Whether there is one.
    switch: Switch,
}

impl Watchers {
    pub(super) fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// A call is over.
    pub(super) fn see(&self, call: &Finished<'_>) {
        for watcher in &*self.all.read().unwrap_or_else(PoisonError::into_inner) {
            watcher.see(call);
        }
    }

    /// Adds one until what is returned is dropped.
    pub(super) fn add(
        self: &Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Watching, RemoteError> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() == WATCHERS_MAX {
            let text = format!(
                "{WATCHERS_MAX} operators watch the calls of this node already, the most that it allows"
            );
            return Err(RemoteError::overloaded(text, None));
        }
        all.push(Arc::clone(&watcher));
        self.switch.set(true);
        Ok(Watching { watchers: Arc::downgrade(self), watcher })
    }

    fn remove(&self, watcher: &Arc<dyn Watcher>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, watcher));
        self.switch.set(!all.is_empty());
    }
}

/// A watcher of a node's calls until this is dropped.
pub(super) struct Watching {
    watchers: Weak<Watchers>,
    watcher: Arc<dyn Watcher>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.remove(&self.watcher);
        }
    }
}
