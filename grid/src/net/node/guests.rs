//! The node's side of guests: programs that are on no host list. A guest is forgotten when its connection ends.

use std::sync::{Arc, PoisonError};

use super::closing::Closing;
use super::handshake::Arrival;
use super::known::Known;
use super::life::driven;
use super::member_event::MemberHub;
use super::report::LinkLog;
use super::shared::Node;
use crate::error::LinkError;
use crate::net::catch::log;
use crate::net::drive::session::{drive, stop};
use crate::net::link::state::{Instance, State};
use crate::proto::Feature;
use crate::proto::wire::Connect;

/// A guest that was accepted, and whose connection is not up yet. Dropping it frees its seat.
pub(super) struct GuestTicket {
    node: Arc<Node>,
    known: Option<Arc<Known>>,
}

/// The last check of the handshake for a guest: whether there is a seat.
pub(super) fn claim(node: &Arc<Node>, connect: &Connect) -> Result<GuestTicket, LinkError> {
    let knows = connect.features.iter().any(|name| name == Feature::Guest.name());
    if !(knows && node.features.has(Feature::Guest)) {
        return Err(LinkError::NoGuests);
    }
    // Held until the guest is in the table, so that a shutdown finds it or is found here.
    let shuts_down = node.changing.lock().unwrap_or_else(PoisonError::into_inner);
    if *shuts_down {
        return Err(LinkError::ShutDown);
    }
    // An HTTP server may run on another runtime than the node's.
    let _on_runtime = node.runtime.enter();
    let create = || {
        let endpoint = node.new_endpoint_of_guest(&connect.host);
        let log = Arc::new(LinkLog::new(&endpoint.peer, MemberHub::default()));
        Known::new(endpoint, None, log)
    };
    let dial = connect.dial.unwrap_or_default();
    let (known, earlier) = node.guests.enter(&connect.host, Instance(connect.id), dial, create)?;
    drop(shuts_down);
    if let Some(earlier) = earlier {
        earlier.cut(LinkError::Replaced { by: None });
    }
    Ok(GuestTicket { node: Arc::clone(node), known: Some(known) })
}

impl GuestTicket {
    /// Starts the link.
    pub(super) fn deliver(mut self, arrival: Arrival) {
        let Some(known) = self.known.take() else { return };
        let node = Arc::clone(&self.node);
        let runtime = node.runtime.clone();
        let task = host(node, Arc::clone(&known), arrival);
        known
            .set_task(runtime.spawn(driven(Arc::clone(&known.endpoint.peer), task)).abort_handle());
    }
}

impl Drop for GuestTicket {
    fn drop(&mut self) {
        if let Some(known) = &self.known {
            self.node.guests.leave(known);
        }
    }
}

/// Runs the link to a guest until its connection ends.
async fn host(node: Arc<Node>, known: Arc<Known>, arrival: Arrival) {
    let _running = known.running();
    let _seat = GuestTicket { node: Arc::clone(&node), known: Some(Arc::clone(&known)) };
    let mut life = known.life(node.over.clone(), node.alive.subscribe());
    let Arrival { transport, agreed, certificate } = arrival;
    let endpoint = &known.endpoint.identified(agreed.identity, certificate);
    let (local, peer) = (&node.name, &endpoint.peer);
    let mut closing = Closing::new(life.alive.clone());
    let (session, instance) = (agreed.session, agreed.instance);
    let up = || {
        // One line for each guest would fill the log.
        log!(debug, %local, peer = %peer.name, "a guest has connected");
        peer.contracts.up(agreed.contracts, session.features.has(Feature::Windows));
    };
    let (reason, transport) = drive(endpoint, session, instance, transport, up, life.ended()).await;
    log!(debug, %local, peer = %peer.name, %reason, "a guest has left");
    // No other connection follows on this link.
    peer.link(|link| link.remove(Arc::clone(&reason)));
    stop(peer, &reason);
    peer.show(State::Removed);
    if let Some(transport) = transport {
        closing.close(transport, &reason);
    }
}
