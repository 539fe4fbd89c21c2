//! The listening side: sockets become WebSockets, introduce themselves, and go to the peer they belong to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::net::catch::caught;
use crate::net::drive::session::{drive, idle};
use crate::net::link::peer::Peer;
use crate::net::node::dial::{Io, tune};
use crate::net::node::handshake::{Established, receive_introduction};
use crate::net::node::shared::Node;
use crate::net::transport::http::{HeaderMap, StatusCode, header};
use crate::net::transport::{self, WebSocket};

/// A connection that a peer has opened and that was let in.
pub(in crate::net) type Arrival = Established<WebSocket<Box<dyn Io>>>;

/// Connections that may be at their upgrade or handshake at once; further ones wait in the listener's own queue. Each
/// costs a task and the head of its request, and ends by a time-out at the latest.
const HANDSHAKES_MAX: usize = 1024;

/// After the listener fails (out of file descriptors, mostly) it is asked again this much later.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts until it is dropped.
pub(in crate::net) async fn serve(node: Arc<Node>, listener: TcpListener) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.len() >= HANDSHAKES_MAX || handshakes.try_join_next().is_some() {
            if handshakes.len() >= HANDSHAKES_MAX {
                handshakes.join_next().await;
            }
        }
        match listener.accept().await {
            Ok((stream, from)) => {
                let node = Arc::clone(&node);
                handshakes.spawn(async move {
                    let stream = match tune(&stream) {
                        Ok(()) => Box::new(stream) as Box<dyn Io>,
                        Err(error) => {
                            return tracing::debug!(%from, %error, "the socket is gone already");
                        }
                    };
                    if let Err(reason) = accept(&node, stream).await {
                        tracing::warn!(local = %node.name, %from, reason, "refused a connection");
                    }
                });
            }
            // The one that was to be accepted has gone again.
            Err(error) if is_about_the_peer(&error) => {
                tracing::debug!(local = %node.name, %error, "cannot accept");
            }
            Err(error) => {
                tracing::warn!(local = %node.name, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Takes a byte stream through upgrade and handshake and hands it to its peer.
pub(in crate::net) async fn accept(node: &Arc<Node>, stream: Box<dyn Io>) -> Result<(), String> {
    let limit = node.config.connect_timeout;
    let judging = Arc::clone(node);
    let judge = move |path: &str, headers: &HeaderMap| judge(&judging, path, headers);
    let upgrade = transport::accept(stream, judge);
    let transport = match tokio::time::timeout(limit, upgrade).await {
        Ok(transport) => transport?,
        Err(_) => return Err(format!("no upgrade request within {limit:?}")),
    };
    let is_known = |name: &str| node.peers.contains_key(name);
    let (host, mut arrival) =
        receive_introduction(transport, &node.introduction(), &is_known, &node.auth).await?;
    arrival.transport.take_messages_of(node.config.message_bytes_max);
    let peer = node.peers.get(&*host).ok_or_else(|| format!("unknown incoming host: {host}"))?;
    let arrivals =
        peer.arrivals.as_ref().ok_or_else(|| format!("this node dials {host} itself"))?;
    arrivals.send(arrival).await.map_err(|_| "this node is shutting down".to_owned())
}

/// Whether an upgrade request is for this grid.
fn judge(node: &Node, path: &str, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    if path != node.config.route {
        return Err((StatusCode::NOT_FOUND, format!("no grid at {path}")));
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = token.strip_prefix("Bearer ").unwrap_or_default();
    node.auth
        .check(token)
        .map_err(|denied| (StatusCode::FORBIDDEN, format!("auth token: {denied}")))
}

/// Keeps the link to a peer up, from the side that waits to be dialed. Never ends, but with the node.
///
/// A new connection replaces the one before it at once: the peer knows best that the old one is of no use.
pub(in crate::net) async fn keep_accepting(peer: Arc<Peer>, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut next = None;
    loop {
        let arrival = match next.take() {
            Some(arrival) => arrival,
            None => tokio::select! {
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => arrival,
                    None => return,
                },
                () = idle(&peer) => continue,
            },
        };
        let Established { mut transport, session, instance } = arrival;
        let replaced = async {
            match arrivals.recv().await {
                Some(arrival) => next = Some(arrival),
                None => std::future::pending().await,
            }
            "the peer has opened a new connection"
        };
        // Its end is told by the link's state; a panic in there must not end this loop.
        let _ = caught(drive(&peer, session, instance, &mut transport, replaced)).await;
    }
}
