//! The end of a node's tasks: the signal to end, the shutdown that waits for them, and a runtime that ends first.

use std::sync::Arc;

use tokio::sync::watch;

use super::closing::Alive;
use super::latch::Latch;
use crate::error::LinkError;
use crate::net::link::peer::Peer;
use crate::net::link::state::State;

/// What the task of a link holds while it runs.
#[derive(Debug)]
pub(super) struct Life {
    /// Set when the node is shut down or dropped.
    pub(super) over: Latch,
    /// Has the reason when this link must end.
    pub(super) cut: watch::Receiver<Option<LinkError>>,
    pub(super) alive: Alive,
}

impl Life {
    /// Waits until the link must end, and returns why.
    ///
    /// Cancel safe.
    pub(super) async fn ended(&mut self) -> LinkError {
        let Self { over, cut, .. } = self;
        tokio::select! {
            biased;
            () = over.wait() => LinkError::ShutDown,
            reason = cut.wait_for(Option::is_some) => {
                reason.ok().and_then(|reason| reason.clone()).unwrap_or(LinkError::ShutDown)
            }
        }
    }
}

/// Held by the task of a link. When it is dropped although the node is not shut down, the runtime has ended: nothing
/// drives the link any more, so its calls must not wait for that.
#[derive(Debug)]
struct Driven(Arc<Peer>);

impl Drop for Driven {
    fn drop(&mut self) {
        let reason = Arc::new(LinkError::RuntimeGone);
        let is_removed = self.0.link(|link| {
            if !link.is_closing() {
                link.abandon(Arc::clone(&reason));
            }
            link.removed().is_some()
        });
        // Has no effect if the node is shut down. Another task shows that a peer was removed.
        if !is_removed {
            self.0.show(State::Error(reason));
        }
    }
}

/// The task of a link, which may be dropped before it is polled.
pub(super) fn driven<F: Future>(peer: Arc<Peer>, task: F) -> impl Future<Output = F::Output> {
    let driven = Driven(peer);
    async move {
        let _driven = driven;
        task.await
    }
}
