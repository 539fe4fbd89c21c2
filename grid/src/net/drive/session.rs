//! One connection from its handshake to its end: starts the link, drives it (driver.rs), and stops it. The loopback
//! link of a node is up as long as the node runs.

use std::sync::Arc;
use std::time::SystemTime;

use tracing::Instrument;

use super::driver::Driver;
use super::endpoint::Endpoint;
use crate::error::LinkError;
use crate::net::catch::catch_future;
use crate::net::link::peer::{Peer, now};
use crate::net::link::state::{Instance, State};
use crate::net::transport::{Echo, Transport};
use crate::proto::{Features, Session};

/// Drives a connection whose handshake is done, until it ends or until `cut` completes. Returns the reason.
///
/// The link is stopped even if the driver panics. Dropping the future ends the connection.
pub(in crate::net) async fn drive(
    endpoint: &Endpoint,
    session: Session,
    instance: Instance,
    transport: &mut (impl Transport + ?Sized),
    cut: impl Future<Output = LinkError>,
) -> Arc<LinkError> {
    let peer = &endpoint.peer;
    if !start(peer, session, instance) {
        return Arc::new(LinkError::ShutDown);
    }
    let mut down = Down { peer, reason: Arc::new(LinkError::RuntimeGone) };
    tracing::info!(local = %peer.local, peer = %peer.name, %instance, "link is up");
    let span = tracing::info_span!("link", local = %peer.local, peer = %peer.name);
    let driven = async {
        let reason = tokio::select! {
            biased;
            reason = Driver::new(endpoint, Some(transport)).instrument(span) => reason,
            reason = cut => reason,
        };
        tracing::info!(local = %peer.local, peer = %peer.name, reason = %reason.full_text(), "link is down");
        reason
    };
    let reason = caught(catch_future(driven).await);
    down.reason = Arc::new(reason);
    Arc::clone(&down.reason)
}

/// The reason with which a driver ended, if it did not panic.
fn caught(driven: Result<LinkError, String>) -> LinkError {
    driven.unwrap_or_else(|text| {
        tracing::error!(panic = text, "the task of a link panicked");
        LinkError::Panicked { text }
    })
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
    Driver::<Echo>::new(endpoint, None).await;
}

/// Starts the link of a node to itself.
pub(in crate::net) fn start_loopback(peer: &Peer) {
    let session = Session {
        checksum: false,
        features: Features::all(),
        wall: SystemTime::now(),
        peer_message_bytes_max: None,
        loopback: true,
    };
    start(peer, session, Instance::random());
}

/// Drives a link started by [`start_loopback`], and starts it again if user code panics in this task.
pub(in crate::net) async fn run_loopback(endpoint: Endpoint) {
    loop {
        let mut down = Down { peer: &endpoint.peer, reason: Arc::new(LinkError::RuntimeGone) };
        let driven = async { Driver::new(&endpoint, Some(&mut Echo::default())).await };
        let reason = caught(catch_future(driven).await);
        tracing::warn!(local = %endpoint.peer.local, reason = %reason, "the link of the node to itself starts again");
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
