//! The listening side: upgrades byte streams to WebSockets, performs the handshake, and passes connections to their
//! peers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::handshake::{Arrival, Established, Gate, authenticate, receive_introduction};
use super::listen::{Accepted, Listen};
use super::shared::Node;
use crate::auth::Claim;
use crate::error::LinkError;
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session::{drive, idle};
use crate::net::transport::http::{HeaderMap, StatusCode, header};
use crate::net::transport::upgrade::server::{Requested, read_request};
use crate::net::transport::{Io, WebSocket};

/// Maximum of concurrent upgrades and handshakes; further connections wait in the listener's queue. Each takes a task
/// and memory for its headers, and ends with a timeout at the latest.
const HANDSHAKES_MAX: usize = 1024;

/// Pause after the listener has failed, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections until the future is dropped.
pub(super) async fn serve(node: Arc<Node>, mut listener: impl Listen) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.len() >= HANDSHAKES_MAX || handshakes.try_join_next().is_some() {
            if handshakes.len() >= HANDSHAKES_MAX {
                handshakes.join_next().await;
            }
        }
        match listener.accept().await {
            Ok(accepted) => {
                let node = Arc::clone(&node);
                handshakes.spawn(async move {
                    let address = accepted.address;
                    if let Err(reason) = accept(&node, accepted).await {
                        tracing::warn!(local = %node.name, ?address, reason = %reason.full_text(), "refused a connection");
                    }
                });
            }
            // The peer closed the connection before it was accepted.
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

/// Performs the upgrade and the handshake on a byte stream, and passes the connection to its peer.
pub(super) async fn accept(node: &Arc<Node>, accepted: Accepted) -> Result<(), LinkError> {
    let limit = node.config.connect_timeout;
    let Accepted { stream, address } = accepted;
    let transport = upgrade(node, stream, address).await?;
    let own = node.introduction();
    let is_known = |name: &str| node.peers.contains_key(name);
    let gate =
        Gate { own: &own, is_known: &is_known, auth: &*node.auth, address, auth_limit: limit };
    let (host, mut arrival) = receive_introduction(transport, &gate).await?;
    arrival.transport.take_messages_of(node.config.message_bytes_max);
    let arrivals = node.peers.get(&*host).and_then(|known| known.arrivals.as_ref());
    let arrivals = arrivals.ok_or(LinkError::UnknownHost { host })?;
    arrivals.send(arrival).await.map_err(|_| LinkError::ShutDown)
}

/// Reads an upgrade request and answers it.
async fn upgrade(
    node: &Node,
    stream: Box<dyn Io>,
    address: Option<SocketAddr>,
) -> Result<WebSocket<Box<dyn Io>>, LinkError> {
    let limit = node.config.connect_timeout;
    let requested = within(limit, "no upgrade request", read_request(stream)).await?;
    let refuse = async |requested: Requested<_>, status, text| {
        let refused = async { Ok(requested.refuse(status, text).await) };
        Err(within(limit, "the refusal was not read", refused).await?)
    };
    if requested.path() != node.config.route {
        let text = format!("no grid at {}", requested.path());
        return refuse(requested, StatusCode::NOT_FOUND, text).await;
    }
    let headers = requested.headers();
    let claim = Claim { name: None, token: bearer(headers), address, time: time(headers) };
    match authenticate(&*node.auth, claim, limit).await {
        Ok(()) => within(limit, "the upgrade was not read", requested.accept()).await,
        Err(denied) => refuse(requested, StatusCode::FORBIDDEN, denied.to_string()).await,
    }
}

/// Each step has the time of a whole attempt, so that the error names the step that was slow.
async fn within<T>(
    limit: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    tokio::time::timeout(limit, work).await.map_err(|_| LinkError::TimedOut { step, limit })?
}

/// Returns the token of a request; empty if there is none.
fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// Returns the time of a request, which the dialer sends in nanoseconds since the epoch.
fn time(headers: &HeaderMap) -> Option<SystemTime> {
    let nanos = headers.get("X-Minio-Time")?.to_str().ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}

/// Runs the link to a peer that dials this node. Returns when the node is dropped.
///
/// A new connection replaces the previous one immediately: the peer dials only when it has lost the previous one.
pub(super) async fn keep_accepting(endpoint: Endpoint, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut next = None;
    loop {
        let arrival = match next.take() {
            Some(arrival) => arrival,
            None => tokio::select! {
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => arrival,
                    None => return,
                },
                () = idle(&endpoint) => continue,
            },
        };
        let Established { transport, session, instance } = arrival;
        let replaced = async {
            match arrivals.recv().await {
                Some(arrival) => next = Some(arrival),
                None => std::future::pending().await,
            }
            LinkError::Replaced
        };
        // The reason is in the state of the link.
        drive(&endpoint, session, instance, transport, replaced).await;
    }
}
