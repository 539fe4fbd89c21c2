//! [`Neighbours`]: the links of one node by the names of their peers. Each link holds the table, so that a handler finds
//! the other nodes; the table holds none of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::error::nearest;

/// See the module. `P` is the type of a link.
pub(in crate::net) struct Neighbours<P>(RwLock<BTreeMap<Arc<str>, Weak<P>>>);

impl<P> Default for Neighbours<P> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<P> Neighbours<P> {
    pub(in crate::net) fn add(&self, name: &Arc<str>, link: &Arc<P>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(Arc::clone(name), Arc::downgrade(link));
    }

    /// Removes this link, but not another one of the same name.
    pub(in crate::net) fn remove(&self, name: &str, link: &Arc<P>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.get(name).is_some_and(|present| std::ptr::eq(present.as_ptr(), Arc::as_ptr(link))) {
            all.remove(name);
        }
    }

    /// Returns the link to the peer of this name, as long as it lives.
    pub(in crate::net) fn find(&self, name: &str) -> Option<Arc<P>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    #[cfg(test)]
    pub(in crate::net) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The name in the table that a wrong one most likely stands for.
    pub(in crate::net) fn nearest(&self, wrong: &str) -> Option<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        nearest(wrong, all.keys().map(|name| &**name)).map(str::to_owned)
    }
}

impl<P> fmt::Debug for Neighbours<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours").finish_non_exhaustive()
    }
}
