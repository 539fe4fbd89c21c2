//! [`Watchers`]: who sees the calls of a node.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::RemoteError;
use crate::intercept::Finished;
use crate::net::Sampling;

/// Operators who watch at once, at most. Each of them costs every call a little.
const WATCHERS_MAX: usize = 16;

/// Sees the calls of a node when they are over.
pub(super) trait Watcher: Send + Sync {
    fn see(&self, call: &Finished<'_>);

    /// It must see one call in this many; of more, each stands for fewer. At least 1.
    fn one_in(&self) -> u32;
}

/// The watchers of a node's calls.
#[derive(Default)]
pub(super) struct Watchers {
    all: RwLock<Vec<Arc<dyn Watcher>>>,
    /// As many calls as one of them must see; none without watchers.
    sampling: Sampling,
}

impl Watchers {
    pub(super) fn sampling(&self) -> Sampling {
        self.sampling.clone()
    }

    /// A call is over.
    pub(super) fn see(&self, call: &Finished<'_>) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        for watcher in &*all {
            watcher.see(call);
        }
        self.sample(&all);
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
        self.sample(&all);
        Ok(Watching { watchers: Arc::downgrade(self), watcher })
    }

    fn remove(&self, watcher: &Arc<dyn Watcher>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, watcher));
        self.sample(&all);
    }

    fn sample(&self, all: &[Arc<dyn Watcher>]) {
        self.sampling.set(all.iter().map(|watcher| watcher.one_in()).min().unwrap_or(0));
    }
}

/// A watcher of a node's calls until this is dropped.
pub(super) struct Watching {
    watchers: Weak<Watchers>,
    watcher: Arc<dyn Watcher>,
}

impl Watching {
    /// The watcher wants more calls, or fewer.
    pub(super) fn refresh(&self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.sample(&watchers.all.read().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(watchers) = self.watchers.upgrade() {
            watchers.remove(&self.watcher);
        }
    }
}
