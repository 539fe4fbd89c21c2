//! [`Peers`]: the table of the other nodes that a node knows now.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::known::Known;

/// See the module. Locked for lookups and changes only, never while other code runs.
#[derive(Default)]
pub(super) struct Peers(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    /// Ordered, so that links are started and ended in the same order in each run.
    members: BTreeMap<Arc<str>, Arc<Known>>,
    /// Removed from the list, with calls that may finish.
    leaving: Vec<Arc<Known>>,
}

impl Peers {
    /// Returns the member of this name.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Known>> {
        self.read().members.get(name).cloned()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.read().members.contains_key(name)
    }

    /// Returns all members, ordered by name.
    pub(super) fn members(&self) -> Vec<Arc<Known>> {
        self.read().members.values().cloned().collect()
    }

    /// Returns all members, and the nodes that are leaving.
    pub(super) fn all(&self) -> Vec<Arc<Known>> {
        let inner = self.read();
        inner.members.values().chain(&inner.leaving).cloned().collect()
    }

    /// Returns those that are leaving and have this name.
    pub(super) fn leaving(&self, name: &str) -> Vec<Arc<Known>> {
        let inner = self.read();
        inner.leaving.iter().filter(|known| &**known.name() == name).cloned().collect()
    }

    pub(super) fn insert(&self, known: Arc<Known>) {
        let name = Arc::clone(known.name());
        self.write().members.insert(name, known);
    }

    /// Takes a node off the list. It is leaving until [`left`](Self::left).
    pub(super) fn remove(&self, name: &str) -> Option<Arc<Known>> {
        let mut inner = self.write();
        let known = inner.members.remove(name)?;
        inner.leaving.push(Arc::clone(&known));
        Some(known)
    }

    /// Nothing of this node is left.
    pub(super) fn left(&self, known: &Arc<Known>) {
        let mut inner = self.write();
        inner.leaving.retain(|leaving| !Arc::ptr_eq(leaving, known));
        inner.leaving.shrink_to_fit();
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
