//! Ends connections in the background, so that the peer receives everything that was sent, and why it ends.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::LinkError;
use crate::net::transport::{Io, WebSocket, end};

/// How long a peer may take to read what was sent and to close its side.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Completes its sender's `closed` when the last clone is dropped: held by everything that a shutdown waits for.
pub(super) type Alive = watch::Receiver<bool>;

/// Ends the connections of one link. Only the latest one is given time: a peer that reconnects all the time must not
/// keep any number of sockets open.
#[derive(Debug)]
pub(super) struct Closing {
    alive: Alive,
    latest: Option<AbortHandle>,
}

impl Closing {
    pub(super) fn new(alive: Alive) -> Self {
        Self { alive, latest: None }
    }

    /// Closes a connection, and says why.
    pub(super) fn close(&mut self, mut transport: WebSocket<Box<dyn Io>>, reason: &LinkError) {
        let (reason, alive) = (reason.clone(), self.alive.clone());
        let task = tokio::spawn(async move {
            // A peer that does not read in time is cut.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, end(&mut transport, &reason)).await;
            drop(alive);
        });
        if let Some(earlier) = self.latest.replace(task.abort_handle()) {
            earlier.abort();
        }
    }
}
