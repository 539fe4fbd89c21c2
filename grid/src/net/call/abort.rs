//! [`AbortOnDrop`]: a task that ends with its owner.

use tokio::task::AbortHandle;

/// Aborts a task when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct AbortOnDrop(pub(in crate::net) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
