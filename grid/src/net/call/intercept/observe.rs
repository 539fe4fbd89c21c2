//! [`Observe`]: the items and the end of a stream, for interceptors.

use std::fmt;
use std::sync::Arc;

use crate::error::CallError;
use crate::net::catch::catch;

/// Sees the items of a stream, from [`Intercepted::observe`](crate::intercept::Intercepted::observe).
///
/// It runs in the task that sends or receives, for each item, so it should only count: one that blocks its thread can hold up
/// the link.
pub trait Observe: Send + Sync + 'static {
    /// This node has sent an item of this many bytes.
    fn sent(&self, bytes: usize) {
        let _ = bytes;
    }

    /// This node has received an item of this many bytes, and its reader has taken it.
    fn received(&self, bytes: usize) {
        let _ = bytes;
    }

    /// A stream that this node has opened is over. Of a stream that it serves, the
    /// [`Outcome`](crate::intercept::Outcome) tells that.
    fn ended(&self, end: StreamEnd<'_>) {
        let _ = end;
    }
}

/// How a stream ended at the node that has opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEnd<'a> {
    /// The reader has received everything.
    Complete,
    /// The reader has received this error. A handler's own error is [`CallError::Remote`].
    Failed(&'a CallError),
    /// The reader was dropped before, which cancels the stream.
    Dropped,
}

/// An observer, and those that were set before it.
#[derive(Clone)]
pub(in crate::net) struct Observer {
    before: Option<Arc<Self>>,
    this: Arc<dyn Observe>,
}

impl Observer {
    pub(in crate::net) fn new(before: Option<Self>, observer: impl Observe) -> Self {
        Self { before: before.map(Arc::new), this: Arc::new(observer) }
    }

    pub(in crate::net) fn each(&self, notify: impl Fn(&dyn Observe)) {
        let mut next = Some(self);
        while let Some(observer) = next {
            catch("an observer of a stream", || notify(&*observer.this));
            next = observer.before.as_deref();
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
