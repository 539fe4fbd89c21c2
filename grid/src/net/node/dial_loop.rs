//! The dialing side of a link: connect, upgrade, handshake, and retry after a failure.

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

/// Time from the start of a failed attempt to the start of the next one. Random within this range, so that not all
/// nodes dial a restarted node at the same time.
const RETRY: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(2);

/// Runs the link to a peer that this node dials. Never returns.
pub(super) async fn keep_dialing(node: Arc<Node>, endpoint: Endpoint) {
    let peer = &endpoint.peer;
    loop {
        let started = Instant::now();
        // The state keeps the reason of a failure during the next attempt.
        if peer.state() == State::Unconnected {
            peer.show(State::Connecting);
        }
        let attempt = tokio::select! {
            // `attempt` runs the user's dialer and authenticator. If they panic, the peer is dialed again.
            attempt = catch_future(logged_attempt(&node, peer)) => {
                attempt.unwrap_or_else(|text| Err(LinkError::Panicked { text }))
            }
            () = idle(&endpoint) => continue,
        };
        let (reason, was_up) = match attempt {
            Ok(mut up) => {
                let since = Instant::now();
                let transport = &mut up.transport;
                let reason = drive(&endpoint, up.session, up.instance, transport, pending()).await;
                let carried_calls = peer.link(|link| link.carried_calls());
                (reason, if carried_calls { RETRY.start } else { since.elapsed() })
            }
            Err(reason) => (Arc::new(reason), Duration::ZERO),
        };
        peer.link(|link| link.set_down_reason(Arc::clone(&reason)));
        peer.show(State::Error(reason));
        // After a connection that lasted or carried calls, dial again at once. Another one counts as a failed attempt.
        if was_up < RETRY.start {
            let next = started + rand::random_range(RETRY);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = idle(&endpoint) => {}
            }
        }
    }
}

async fn logged_attempt(node: &Node, peer: &Peer) -> Result<Arrival, LinkError> {
    attempt(node, peer).await.inspect_err(|reason| {
        tracing::debug!(local = %node.name, peer = %peer.name, reason = %reason.full_text(), "cannot connect");
    })
}

async fn attempt(node: &Node, peer: &Peer) -> Result<Arrival, LinkError> {
    let limit = node.config.connect_timeout;
    let (transport, token) = tokio::time::timeout(limit, open(node, peer))
        .await
        .map_err(|_| LinkError::TimedOut { step: "no WebSocket upgrade", limit })??;
    let mut up = introduce(transport, &node.introduction(), &peer.name, token).await?;
    up.transport.take_messages_of(node.config.message_bytes_max);
    Ok(up)
}

/// Opens a WebSocket. Also returns the token, which the handshake sends again.
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
