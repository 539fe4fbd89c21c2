//! One connection from its handshake to its end: starts the link, drives it (driver.rs), and stops it. The loopback
//! link of a node is up as long as the node runs.

use std::future::pending;
use std::sync::Arc;

use tracing::Span;

use super::core::Core;
use super::driver::Driver;
use super::endpoint::Endpoint;
use super::slot::{Ended, Slot};
use super::spawn;
use crate::entropy;
use crate::error::LinkError;
use crate::net::catch::log;
use crate::net::link::peer::{Peer, now};
use crate::net::link::state::{Instance, State};
use crate::net::span::CaughtSpan;
use crate::net::transport::{Echo, Transport};
use crate::proto::{Features, Session};

/// Drives a connection whose handshake is done, until it ends or until `cut` completes. Returns the reason, and the
/// transport unless the driver has panicked. `up` is called as soon as calls can be made, unless the link is closing.
///
/// The link is stopped even if the driver panics. Dropping the future ends the connection.
pub(in crate::net) async fn drive<T: Transport + 'static>(
    endpoint: &Endpoint,
    session: Session,
    instance: Instance,
    transport: T,
    up: impl FnOnce(),
    cut: impl Future<Output = LinkError>,
) -> (Arc<LinkError>, Option<T>) {
    let peer = &endpoint.peer;
    if !start(peer, session, instance) {
        return (Arc::new(LinkError::ShutDown), Some(transport));
    }
    let mut down = Down { peer, reason: Arc::new(LinkError::RuntimeGone) };
    up();
    let span =
        CaughtSpan::new(|| tracing::info_span!("link", local = %peer.local, peer = %peer.name));
    let Ended { reason, transport } = run(endpoint, transport, span, cut).await;
    down.reason = Arc::new(reason);
    (Arc::clone(&down.reason), transport)
}

/// Runs the drivers of a connection. Dropping the future cuts it.
async fn run<T: Transport + 'static>(
    endpoint: &Endpoint,
    transport: T,
    span: CaughtSpan,
    cut: impl Future<Output = LinkError>,
) -> Ended<T> {
    let (slot, mut ended) = spawn::start(endpoint, transport, span);
    let guard = CutOnDrop(slot);
    let reason = tokio::select! {
        biased;
        ended = &mut ended => return ended.unwrap_or_else(|_| gone(LinkError::RuntimeGone)),
        reason = cut => reason,
    };
    let transport = match guard.0.cut() {
        Some(transport) => Some(transport),
        // No user code runs, so the driver ends soon. The next one must not start before: the old one would feed it
        // messages of this connection.
        None => ended.await.ok().and_then(|ended| ended.transport),
    };
    Ended { reason, transport }
}

fn gone<T>(reason: LinkError) -> Ended<T> {
    Ended { reason, transport: None }
}

struct CutOnDrop<T: Transport + 'static>(Arc<Slot<T>>);

impl<T: Transport + 'static> Drop for CutOnDrop<T> {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Starts a link. Returns `false` if the node is shutting down: no link may start after that.
fn start(peer: &Peer, session: Session, instance: Instance) -> bool {
    peer.with(|shared, effects| {
        let starts = !shared.link.is_closing();
        if starts {
            shared.link.start(now(), session);
            peer.set_payload_bytes_max(shared.link.payload_bytes_max());
            shared.show(State::Connected { instance }, effects);
        }
        starts
    })
}

/// Handles the timeouts of a link that is down: calls that wait for a connection have deadlines. Never returns.
pub(in crate::net) async fn idle(endpoint: &Endpoint) {
    Driver::<Echo>::alone(Box::new(Core::new(endpoint.clone(), None))).await;
}

/// Starts the link of a node to itself.
pub(in crate::net) fn start_loopback(peer: &Peer) {
    let session = Session {
        checksum: false,
        features: Features::all(),
        // Not the node's own clock: it is compared with no other one.
        wall: entropy::time_of_day(),
        peer_message_bytes_max: None,
        peer_requests_bytes_max: None,
        loopback: true,
    };
    start(peer, session, Instance::random());
}

/// Drives a link started by [`start_loopback`], and starts it again if user code panics in this task.
pub(in crate::net) async fn run_loopback(endpoint: Endpoint) {
    loop {
        let mut down = Down { peer: &endpoint.peer, reason: Arc::new(LinkError::RuntimeGone) };
        let Ended { reason, .. } =
            run(&endpoint, Echo::default(), CaughtSpan::new(Span::current), pending()).await;
        log!(warn, local = %endpoint.peer.local, reason = %reason, "the link of the node to itself starts again");
        down.reason = Arc::new(reason);
        drop(down);
        start_loopback(&endpoint.peer);
    }
}

/// Stops a link when dropped, so that no task is left waiting if the driver panics or is dropped.
struct Down<'a> {
    peer: &'a Arc<Peer>,
    reason: Arc<LinkError>,
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        stop(self.peer, &self.reason);
        self.peer.show(State::Error(Arc::clone(&self.reason)));
    }
}

/// Stops a link: everything in flight fails with `reason`.
pub(in crate::net) fn stop(peer: &Peer, reason: &Arc<LinkError>) {
    peer.with(|shared, effects| {
        shared.link.stop(Arc::clone(reason));
        shared.set_unflushed(false, effects);
    });
}
