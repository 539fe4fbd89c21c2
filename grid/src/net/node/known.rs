//! [`Known`]: one other node, and what of it ends with its link.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::arrivals::Arrivals;
use super::closing::Alive;
use super::latch::Latch;
use super::life::Life;
use super::report::LinkLog;
use crate::error::LinkError;
use crate::net::drive::endpoint::Endpoint;

/// One other node.
pub(super) struct Known {
    pub(super) endpoint: Endpoint,
    /// The connections of a peer that dials this node; `None` if this node dials it.
    pub(super) arrivals: Option<Arc<Arrivals>>,
    pub(super) log: Arc<LinkLog>,
    /// Why the link must end.
    cut: watch::Sender<Option<LinkError>>,
    /// Set when the task of the link has ended.
    ended: Latch,
    task: Mutex<Option<AbortHandle>>,
}

impl Known {
    pub(super) fn new(
        endpoint: Endpoint,
        arrivals: Option<Arc<Arrivals>>,
        log: Arc<LinkLog>,
    ) -> Arc<Self> {
        let (cut, ended) = (watch::Sender::new(None), Latch::default());
        Arc::new(Self { endpoint, arrivals, log, cut, ended, task: Mutex::default() })
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.endpoint.peer.name
    }

    /// Lets the task of the link end, and its connection be closed with this reason.
    pub(super) fn cut(&self, reason: LinkError) {
        self.cut.send_replace(Some(reason));
    }

    /// What the task of the link holds.
    pub(super) fn life(&self, over: Latch, alive: Alive) -> Life {
        Life { over, cut: self.cut.subscribe(), alive }
    }

    /// The task of the link has been spawned.
    pub(super) fn set_task(&self, task: AbortHandle) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Aborts the task of the link.
    pub(super) fn abort(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Returns a guard that the task of the link holds while it runs.
    pub(super) fn running(&self) -> Running {
        Running(self.ended.clone())
    }

    /// Waits until the task of the link has ended.
    ///
    /// Cancel safe.
    pub(super) async fn ended(&self) {
        self.ended.wait().await;
    }
}

/// See [`Known::running`].
pub(super) struct Running(Latch);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set();
    }
}
