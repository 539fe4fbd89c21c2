//! [`AbortOnDrop`]: ends an in-process link with its last handle.

use tokio::task::AbortHandle;

/// Aborts the task that runs an in-process link when the last handle of the link is dropped.
#[derive(Debug)]
pub(in crate::net) struct AbortOnDrop(pub(in crate::net) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
