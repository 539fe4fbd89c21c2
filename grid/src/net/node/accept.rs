//! The listening side: upgrades byte streams to WebSockets, performs the handshake, and passes connections to their
//! peers.

use std::io;
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;

use super::arrivals::{Arrivals, Claim, Ticket};
use super::closing::{CLOSE_TIMEOUT, Closing};
use super::handshake::{Arrival, Gate, authenticate, receive_introduction, within};
use super::life::Life;
use super::listen::{Accepted, Listen};
use super::repeats::Repeats;
use super::report::{LinkLog, note_refusal};
use super::shared::Node;
use super::strangers::{Entry, Stage, source};
use crate::auth;
use crate::error::LinkError;
use crate::net::catch::catch_future;
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session::{drive, idle};
use crate::net::link::state::Instance;
use crate::net::transport::http::{HeaderMap, StatusCode, header};
use crate::net::transport::upgrade::server::{Requested, read_first};
use crate::net::transport::{Io, WebSocket, end};
use crate::proto::wire::Connect;

/// Time limit for the first byte of an accepted connection, if [`Config::connect_timeout`](crate::Config) is not
/// shorter. A dialer sends its request as soon as it is connected; this is enough for two lost packets.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(3);

/// Pause after the listener has failed, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections until the future is dropped.
pub(super) async fn serve(node: Arc<Node>, mut listener: impl Listen) {
    // `Strangers` bounds their number.
    let mut handshakes = JoinSet::new();
    let mut log = Log::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = handshakes.join_next() => {
                if let Ok(Some((address, refused))) = ended {
                    log.refused(&node.name, address, &refused);
                }
                continue;
            }
        };
        match accepted {
            Ok(accepted) => {
                let node = Arc::clone(&node);
                handshakes.spawn(async move {
                    let address = accepted.address;
                    let refused = accept(&node, accepted).await.err()?;
                    Some((address, refused))
                });
            }
            // The peer closed the connection before it was accepted.
            Err(error) if is_about_the_peer(&error) => {
                tracing::debug!(local = %node.name, %error, "cannot accept");
            }
            Err(error) => {
                if let Some(repeats) = log.failed.note(error.kind()) {
                    tracing::warn!(local = %node.name, %error, repeats, "cannot accept");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Logs refusals, and counts those that repeat.
#[derive(Default)]
struct Log {
    refused: Repeats<(Option<IpAddr>, Discriminant<LinkError>)>,
    failed: Repeats<io::ErrorKind>,
}

impl Log {
    fn refused(&mut self, local: &str, address: Option<SocketAddr>, refused: &Refusal) {
        let Refusal { reason, stage } = refused;
        let is_crowded = matches!(reason, LinkError::Crowded { .. });
        // A connection that sends nothing is usually a health check or a port scan.
        if *stage == Stage::Silent && !is_crowded {
            tracing::debug!(local, ?address, reason = %reason.full_text(), "refused a connection");
            return;
        }
        // One line for all addresses.
        let source = address.map(source).filter(|_| !is_crowded);
        if let Some(repeats) = self.refused.note((source, discriminant(reason))) {
            tracing::warn!(local, ?address, reason = %reason.full_text(), repeats, "refused a connection");
        }
    }
}

fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Why a connection was not accepted, and how far it has come.
pub(super) struct Refusal {
    pub(super) reason: LinkError,
    stage: Stage,
}

/// Performs the upgrade and the handshake on a byte stream, and passes the connection to its peer.
pub(super) async fn accept(node: &Arc<Node>, accepted: Accepted) -> Result<(), Refusal> {
    let (mut entry, mut closed) = node.strangers.enter(accepted.address);
    let mut unused = None;
    let greeted = tokio::select! {
        biased;
        Ok(reason) = &mut closed => Err(reason),
        greeted = catch_future(greet(node, accepted, &mut entry, &mut unused)) => {
            greeted.unwrap_or_else(|text| Err(LinkError::Panicked { text }))
        }
    };
    let stage = entry.stage();
    if let Some((mut transport, reason)) = unused {
        // In the background, so that the result is not delayed. The connection counts as a stranger until it is closed.
        tokio::spawn(async move {
            let _entry = entry;
            tokio::select! {
                _ = closed => {}
                _ = tokio::time::timeout(CLOSE_TIMEOUT, end(&mut transport, &reason)) => {}
            }
        });
    }
    greeted.map_err(|reason| Refusal { reason, stage })
}

/// A connection that is to be closed, and why.
type Unused = Option<(WebSocket<Box<dyn Io>>, LinkError)>;

async fn greet(
    node: &Arc<Node>,
    accepted: Accepted,
    entry: &mut Entry,
    unused: &mut Unused,
) -> Result<(), LinkError> {
    let Accepted { stream, address } = accepted;
    let mut transport = upgrade(node, stream, address, entry).await?;
    entry.reach(Stage::Upgraded);
    let own = node.introduction();
    let is_known = |name: &str| node.peers.contains_key(name);
    let contracts = |name: &str| {
        let known = node.peers.get(name);
        known.map(|known| known.endpoint.peer.contracts.statement()).unwrap_or_default()
    };
    let limit = node.config.connect_timeout;
    let gate = Gate {
        workers: &node.loopback.workers,
        own: &own,
        is_known: &is_known,
        contracts: &contracts,
        auth: &*node.auth,
        address,
        auth_limit: limit,
    };
    let claim = |connect: &Connect| claim(node, connect, address);
    let (ticket, agreed) = match receive_introduction(&mut transport, &gate, claim).await {
        Ok(accepted) => accepted,
        Err((host, reason)) => {
            let known = host.and_then(|host| node.peers.get(&*host));
            // The state of a peer that this node dials shows the result of its own attempts.
            if let Some(known) = known.filter(|known| known.arrivals.is_some()) {
                note_refusal(&known.endpoint.peer, &reason);
            }
            *unused = Some((transport, reason.clone()));
            return Err(reason);
        }
    };
    transport.take_messages_of(node.config.message_bytes_max);
    match ticket.deliver(Arrival { transport, agreed }) {
        Ok(earlier) => {
            // The link's task has not taken the previous one yet.
            *unused = earlier.map(|earlier| (earlier.transport, LinkError::Replaced { by: None }));
            Ok(())
        }
        Err(refused) => {
            let (arrival, reason) = *refused;
            *unused = Some((arrival.transport, reason.clone()));
            Err(reason)
        }
    }
}

/// The last check of the handshake: whether the dialer is the one that may use its name now.
fn claim(node: &Node, connect: &Connect, address: Option<SocketAddr>) -> Result<Ticket, LinkError> {
    let arrivals = node.peers.get(&*connect.host).and_then(|known| known.arrivals.as_ref());
    // The direction was checked before, so a known host that does not dial this node does not get here.
    let arrivals = arrivals.ok_or_else(|| LinkError::UnknownHost { host: connect.host.clone() })?;
    let dial = connect.dial.filter(|_| connect.peer.is_some());
    arrivals.claim(Claim { instance: Instance(connect.id), dial, address })
}

/// Reads an upgrade request and answers it.
async fn upgrade(
    node: &Node,
    stream: Box<dyn Io>,
    address: Option<SocketAddr>,
    entry: &mut Entry,
) -> Result<WebSocket<Box<dyn Io>>, LinkError> {
    let limit = node.config.connect_timeout;
    let first = read_first(stream);
    let begun = within(limit.min(FIRST_BYTE_TIMEOUT), "nothing was received", first).await?;
    entry.reach(Stage::Unknown);
    let requested = within(limit, "no upgrade request", begun.read_request()).await?;
    let refuse = async |requested: Requested<_>, status, text| {
        let refused = async { Ok(requested.refuse(status, text).await) };
        Err(within(limit, "the refusal was not read", refused).await?)
    };
    if requested.path() != node.config.route {
        let text = format!("no grid at {}", requested.path());
        return refuse(requested, StatusCode::NOT_FOUND, text).await;
    }
    let headers = requested.headers();
    let claim = auth::Claim { name: None, token: bearer(headers), address, time: time(headers) };
    match authenticate(&*node.auth, &node.loopback.workers, claim, limit).await {
        Ok(()) => within(limit, "the upgrade was not read", requested.accept()).await,
        Err(denied) => refuse(requested, StatusCode::FORBIDDEN, denied.to_string()).await,
    }
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

/// Runs the link to a peer that dials this node. Returns when the node is shut down.
///
/// A new connection replaces the previous one immediately: the peer dials only when it has lost the previous one.
pub(super) async fn keep_accepting(endpoint: Endpoint, arrivals: Arc<Arrivals>, life: Life) {
    let _closed = CloseOnDrop(&arrivals);
    let mut closing = Closing::new(life.alive);
    let mut over = life.over;
    let mut log = LinkLog::new(&endpoint.peer);
    loop {
        let (order, claim, arrival) = tokio::select! {
            next = arrivals.next() => next,
            _ = over.wait_for(|over| *over) => return,
            () = idle(&endpoint) => continue,
        };
        let Arrival { transport, agreed } = arrival;
        let cut = async {
            tokio::select! {
                later = arrivals.waiting() => {
                    let is_other = later.instance != claim.instance;
                    LinkError::Replaced { by: is_other.then(|| later.to_string()) }
                }
                _ = over.wait_for(|over| *over) => LinkError::ShutDown,
            }
        };
        log.up(agreed.instance);
        endpoint.peer.contracts.up(agreed.contracts);
        // The reason is in the state of the link.
        let (reason, transport) =
            drive(&endpoint, agreed.session, agreed.instance, transport, cut).await;
        log.down(&reason);
        arrivals.ended(order);
        if let Some(transport) = transport {
            closing.close(transport, &reason);
        }
    }
}

/// No connection is accepted once the task of the link has ended: nothing would drive it.
struct CloseOnDrop<'a>(&'a Arrivals);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
