//! [`Watch`]: the recorder of an administered node. It is off, and costs calls next to nothing, while nobody watches.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::AdminClient;
use super::activity::{Activity, Counts};
use super::tap::{Tap, TapFilter, Tapping};
use crate::RemoteError;
use crate::intercept::{Finished, Record};
use crate::net::Switch;

/// Operators who watch at once, at most. Each of them costs every call a little.
const WATCHERS_MAX: usize = 16;

/// The watchers of a node's calls.
#[derive(Default)]
pub(super) struct Watch {
    watchers: RwLock<Vec<Arc<dyn Watcher>>>,
    /// Whether there is one.
    switch: Switch,
}

/// Sees the calls of a node when they are over.
pub(super) trait Watcher: Send + Sync {
    fn see(&self, call: &Finished<'_>);
}

impl Watch {
    pub(super) fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// Shows calls one by one.
    pub(super) fn tap(self: &Arc<Self>, filter: TapFilter) -> Result<Tapping, RemoteError> {
        let (tap, calls) = Tap::new(filter)?;
        Ok(Tapping::new(self.add(Arc::new(tap))?, calls))
    }

    /// Counts calls from now on.
    pub(super) fn count(self: &Arc<Self>) -> Result<Counting, RemoteError> {
        let counts = Arc::new(Counts::new());
        Ok(Counting { _watching: self.add(Arc::clone(&counts) as _)?, counts })
    }

    fn add(self: &Arc<Self>, watcher: Arc<dyn Watcher>) -> Result<Watching, RemoteError> {
        let mut watchers = self.watchers.write().unwrap_or_else(PoisonError::into_inner);
        if watchers.len() == WATCHERS_MAX {
            let text = format!(
                "{WATCHERS_MAX} operators watch the calls of this node already, the most that it allows"
            );
            return Err(RemoteError::overloaded(text, None));
        }
        watchers.push(Arc::clone(&watcher));
        self.switch.set(true);
        Ok(Watching { watch: Arc::downgrade(self), watcher })
    }

    fn remove(&self, watcher: &Arc<dyn Watcher>) {
        let mut watchers = self.watchers.write().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        self.switch.set(!watchers.is_empty());
    }
}

impl Record for Watch {
    /// Operators do not watch themselves.
    fn applies_to(&self, service: &str, _: &str) -> bool {
        service != AdminClient::DESCRIPTOR.name()
    }

    fn record(&self, call: &Finished<'_>) {
        for watcher in &*self.watchers.read().unwrap_or_else(PoisonError::into_inner) {
            watcher.see(call);
        }
    }
}

/// A watcher of a node's calls until this is dropped.
pub(super) struct Watching {
    watch: Weak<Watch>,
    watcher: Arc<dyn Watcher>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.upgrade() {
            watch.remove(&self.watcher);
        }
    }
}

/// Counts calls until this is dropped.
pub(super) struct Counting {
    _watching: Watching,
    counts: Arc<Counts>,
}

impl Counting {
    /// What has happened since the last time.
    pub(super) fn take(&self) -> Activity {
        self.counts.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorder_is_on_while_somebody_watches() {
        let watch = Arc::<Watch>::default();
        let is_on = || watch.switch().is_on();
        assert!(!is_on());
        let counting = watch.count().expect("there is room");
        let tapping = watch.tap(TapFilter::default()).expect("there is room");
        assert!(is_on());
        drop(counting);
        assert!(is_on());
        drop(tapping);
        assert!(!is_on());
    }
}
