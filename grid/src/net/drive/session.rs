//! From a handshake to the end of its connection: the link is brought up, driven (driver.rs), and taken down in whatever
//! way that ends. The link of a node to itself is up as long as the node is.

use std::sync::Arc;

use tracing::Instrument;

use crate::net::catch::caught;
use crate::net::drive::driver::Driver;
use crate::net::link::peer::{Peer, now};
use crate::net::link::state::{Instance, State};
use crate::net::transport::{Echo, Transport};
use crate::proto::{Features, Session};

/// Drives a connection whose handshake is done until it ends, or until `cut` says why it shall, and gives the reason.
///
/// The link is started and stopped in here, whatever way this ends; dropping the future ends the connection.
pub(in crate::net) async fn drive(
    peer: &Arc<Peer>,
    session: Session,
    instance: Instance,
    transport: &mut (impl Transport + ?Sized),
    cut: impl Future<Output = &'static str>,
) -> String {
    if !bring_up(peer, session, instance) {
        return "this node is shut down".to_owned();
    }
    let mut down = Down { peer, reason: "this node has ended the connection".to_owned() };
    tracing::info!(local = %peer.local, peer = %peer.name, %instance, "link is up");
    let span = tracing::info_span!("link", local = %peer.local, peer = %peer.name);
    let reason = tokio::select! {
        biased;
        reason = Driver::new(peer, Some(transport)).instrument(span) => reason,
        reason = cut => reason.to_owned(),
    };
    tracing::info!(local = %peer.local, peer = %peer.name, reason, "link is down");
    down.reason.clone_from(&reason);
    reason
}

/// Starts a link, unless the node is shutting down: whoever does that takes all links down, and none comes up after it.
fn bring_up(peer: &Peer, session: Session, instance: Instance) -> bool {
    let up = peer.with(|shared| {
        let may = !shared.link.is_closing();
        if may {
            shared.link.start(now(), session);
        }
        may
    });
    if up {
        peer.show(State::Connected { instance });
    }
    up
}

/// Keeps the clock of a link that is down: calls that wait for a connection have deadlines too. Never ends.
pub(in crate::net) async fn idle(peer: &Arc<Peer>) {
    Driver::<Echo>::new(peer, None).await;
}

/// Brings the link of a node to itself up.
pub(in crate::net) fn start_loopback(peer: &Peer) {
    let session =
        Session { checksum: false, features: Features::all(), wall: std::time::SystemTime::now() };
    bring_up(peer, session, Instance::random());
}

/// Drives a link that [`start_loopback`] has brought up, and brings it up again should a user's code panic in here.
pub(in crate::net) async fn run_loopback(peer: Arc<Peer>) {
    loop {
        let down = Down { peer: &peer, reason: "the node is gone".to_owned() };
        let _ = caught(Driver::new(&peer, Some(&mut Echo::default()))).await;
        drop(down);
        start_loopback(&peer);
    }
}

/// Takes a link down when it is dropped: in whatever way its driver ends, nobody is left waiting.
struct Down<'a> {
    peer: &'a Arc<Peer>,
    reason: String,
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        take_down(self.peer, &self.reason);
        self.peer.show(State::Error(std::mem::take(&mut self.reason).into()));
    }
}

/// Ends everything that is in flight on a link.
pub(in crate::net) fn take_down(peer: &Peer, reason: &str) {
    peer.with(|shared| {
        shared.link.stop(reason);
        shared.unflushed = false;
    });
}
