//! The dialing side of a link: connect, upgrade, introduce, and try again after a failure.

use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::handshake::{Arrival, introduce};
use super::shared::Node;
use crate::error::LinkError;
use crate::net::catch::catch_future;
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session::{drive, idle};
use crate::net::link::peer::Peer;
use crate::net::link::state::State;
use crate::net::transport::upgrade::client::{Request, connect};
use crate::net::transport::{Io, WebSocket};

/// The next attempt starts this long after a failed one started: at random in between, so that the nodes of a grid do not all
/// dial a restarted one at once.
const RETRY: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(2);

/// Keeps the link to a peer up, from the dialing side. Never ends.
pub(super) async fn keep_dialing(node: Arc<Node>, endpoint: Endpoint) {
    let peer = &endpoint.peer;
    loop {
        let started = Instant::now();
        // The reason of a failure stays visible during the next attempt.
        if peer.state() == State::Unconnected {
            peer.show(State::Connecting);
        }
        let attempt = tokio::select! {
            // The user's dialer and authenticator run in there; whatever they do, the peer is dialed again.
            attempt = catch_future(attempt(&node, peer)) => {
                attempt.unwrap_or_else(|text| Err(LinkError::Panicked { text }))
            }
            () = idle(&endpoint) => continue,
        };
        let (reason, was_up) = match attempt {
            Ok(mut up) => {
                let since = Instant::now();
                let transport = &mut up.transport;
                let reason = drive(&endpoint, up.session, up.instance, transport, pending()).await;
                (reason, since.elapsed())
            }
            Err(reason) => {
                tracing::debug!(local = %node.name, peer = %peer.name, reason = %reason.full_text(), "cannot connect");
                (Arc::new(reason), Duration::ZERO)
            }
        };
        peer.link(|link| link.set_down_reason(Arc::clone(&reason)));
        peer.show(State::Error(reason));
        // A connection that lasted is dialed again at once; one that did not counts as a failed attempt.
        if was_up < RETRY.start {
            let next = started + rand::random_range(RETRY);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = idle(&endpoint) => {}
            }
        }
    }
}

async fn attempt(node: &Node, peer: &Peer) -> Result<Arrival, LinkError> {
    let limit = node.config.connect_timeout;
    let (transport, token) = tokio::time::timeout(limit, open(node, peer))
        .await
        .map_err(|_| LinkError::TimedOut { step: "no WebSocket", limit })??;
    let mut up = introduce(transport, &node.introduction(), &peer.name, token).await?;
    up.transport.take_messages_of(node.config.message_bytes_max);
    Ok(up)
}

/// Opens a WebSocket. Returns the token as well, which the handshake needs once more.
async fn open(node: &Node, peer: &Peer) -> Result<(WebSocket<Box<dyn Io>>, String), LinkError> {
    let stream = node.dial.dial(&peer.name).await?;
    let token = node.auth.token(&node.name, &peer.name).await;
    let token = token.map_err(|error| LinkError::Token(error.into()))?;
    let request = Request {
        authority: peer.name.split_once("://").map_or(&*peer.name, |(_, authority)| authority),
        route: &node.config.route,
        token: &token,
        time_ns: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
    };
    Ok((connect(stream, &request).await?, token))
}
