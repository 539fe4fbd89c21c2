//! The end of a node's tasks: the signal to end, the shutdown that waits for them, and a runtime that ends first.

use std::sync::Arc;

use tokio::sync::watch;

use super::closing::Alive;
use crate::error::LinkError;
use crate::net::link::peer::Peer;
use crate::net::link::state::State;

/// What the task of a link holds while it runs.
#[derive(Debug)]
pub(super) struct Life {
    /// Becomes `true` when the node is shut down.
    pub(super) over: watch::Receiver<bool>,
    pub(super) alive: Alive,
}

/// Held by the task of a link. When it is dropped although the node is not shut down, the runtime has ended: nothing
/// drives the link any more, so its calls must not wait for that.
#[derive(Debug)]
struct Driven(Arc<Peer>);

impl Drop for Driven {
    fn drop(&mut self) {
        let reason = Arc::new(LinkError::RuntimeGone);
        self.0.link(|link| {
            if !link.is_closing() {
                link.abandon(Arc::clone(&reason));
            }
        });
        // Has no effect if the node is shut down.
        self.0.show(State::Error(reason));
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
