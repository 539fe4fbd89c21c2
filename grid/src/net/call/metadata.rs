//! [`Metadata`]: the values that all calls over one handle carry, as its user has set them once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::options::CallOptions;

/// See the module. Empty unless it is used, and then shared by the clones of its handle.
#[derive(Clone, Default)]
pub(super) struct Metadata(Option<Arc<[(String, Bytes)]>>);

impl Metadata {
    /// Returns these values and one more, in place of the one with the same key.
    pub(super) fn with(&self, key: String, value: Bytes) -> Self {
        let others = self.values().iter().filter(|(name, _)| *name != key);
        let mut values: Vec<_> = others.cloned().collect();
        values.push((key, value));
        Self(Some(values.into()))
    }

    /// Adds the values to a call. What its caller sets later comes in place of those with the same key.
    pub(super) fn add_to(&self, options: &mut CallOptions) {
        for (key, value) in self.values() {
            options.add_metadata(key.clone(), value.clone());
        }
    }

    fn values(&self) -> &[(String, Bytes)] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Keys only: values are the user's, and must not appear in logs.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values().iter().map(|(key, _)| key)).finish()
    }
}
