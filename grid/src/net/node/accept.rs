//! The listening side: upgrades byte streams to WebSockets, performs the handshake, and passes connections to their
//! peers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::arrivals::{Arrivals, Claim, Ticket};
use super::closing::{CLOSE_TIMEOUT, Closing};
use super::guests::{self, GuestTicket};
use super::handshake::{Arrival, Gate, authenticate, receive_introduction, within, within_fixed};
use super::known::Known;
use super::life::Life;
use super::listen::{Accepted, Listen};
use super::refusals::{Refusal, RefusalLog};
use super::report::{LinkLog, note_refusal};
use super::shared::Node;
use super::strangers::{Entry, Stage};
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
use crate::proto::{Introduction, is_guest_name};

/// Time limit for the first byte of an accepted connection, if [`Config::connect_timeout`](crate::Config) is not
/// shorter. A dialer sends its request as soon as it is connected; this is enough for two lost packets.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(3);

/// A peer that has not dialed this node after this time is logged. After a failed attempt, which takes up to
/// [`Config::connect_timeout`](crate::Config), a peer dials again within two seconds.
const DIAL_EXPECTED: Duration = Duration::from_secs(15);

/// Pause after the listener has failed, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections until the future is dropped.
pub(super) async fn serve(node: Arc<Node>, mut listener: impl Listen) {
    // `Strangers` bounds their number.
    let mut handshakes = JoinSet::new();
    let mut log = RefusalLog::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = handshakes.join_next() => {
                if let Ok(Some((address, refused))) = ended {
                    log.refused(&node, address, &refused);
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
                log.cannot_accept(&node, &error);
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
pub(super) async fn accept(node: &Arc<Node>, accepted: Accepted) -> Result<(), Refusal> {
    let address = accepted.address;
    let (mut entry, mut closed) = node.strangers.enter(address);
    let mut unused = None;
    let greeted = tokio::select! {
        biased;
        Ok(reason) = &mut closed => Err((None, reason)),
        greeted = catch_future(greet(node, accepted, &mut entry, &mut unused)) => {
            greeted.unwrap_or_else(|text| Err((None, LinkError::Panicked { text })))
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
    greeted.map_err(|(known, reason)| {
        if let Some(known) = &known {
            known.log.refused(address, &reason);
        }
        Refusal { reason, stage, is_logged: known.is_some() }
    })
}

/// A connection that is to be closed, and why.
type Unused = Option<(WebSocket<Box<dyn Io>>, LinkError)>;

/// An error has the node of the dialer as well, if it has stated the name of one.
async fn greet(
    node: &Arc<Node>,
    accepted: Accepted,
    entry: &mut Entry,
    unused: &mut Unused,
) -> Result<(), (Option<Arc<Known>>, LinkError)> {
    let Accepted { stream, address } = accepted;
    let upgraded = upgrade(node, stream, address, entry).await;
    let mut transport = upgraded.map_err(|reason| (None, reason))?;
    entry.reach(Stage::Upgraded);
    let own = node.introduction();
    let is_known =
        |name: &str| node.peers.contains(name) || (node.guests.takes_any() && is_guest_name(name));
    let contracts = |name: &str| {
        let known = node.peers.get(name).or_else(|| node.guests.get(name));
        known.map(|known| known.endpoint.peer.contracts.statement()).unwrap_or_default()
    };
    let nearest = |name: &str| node.nearest(name);
    let limit = node.config.connect_timeout;
    let gate = Gate {
        workers: &node.loopback.workers,
        own: &own,
        is_known: &is_known,
        contracts: &contracts,
        nearest: &nearest,
        clock_skew_max: node.config.clock_skew_max,
        auth: &*node.auth,
        address,
        auth_limit: limit,
    };
    let claim = |connect: &Connect| claim(node, connect, address);
    let (seat, agreed) = match receive_introduction(&mut transport, &gate, claim).await {
        Ok(accepted) => accepted,
        Err((host, reason)) => {
            let known = host.and_then(|host| node.peers.get(&host));
            // The state of a peer that this node dials shows the result of its own attempts.
            if let Some(known) = known.as_ref().filter(|known| known.arrivals.is_some()) {
                note_refusal(&known.endpoint.peer, &reason);
            }
            *unused = Some((transport, reason.clone()));
            return Err((known, reason));
        }
    };
    transport.take_messages_of(node.config.message_bytes_max);
    let (ticket, known) = match seat {
        Seat::Member(ticket, known) => (ticket, known),
        Seat::Guest(ticket) => {
            ticket.deliver(Arrival { transport, agreed });
            return Ok(());
        }
    };
    match ticket.deliver(Arrival { transport, agreed }) {
        Ok(earlier) => {
            // The link's task has not taken the previous one yet.
            *unused = earlier.map(|earlier| (earlier.transport, LinkError::Replaced { by: None }));
            Ok(())
        }
        Err(refused) => {
            let (arrival, reason) = *refused;
            *unused = Some((arrival.transport, reason.clone()));
            Err((Some(known), reason))
        }
    }
}

/// A dialer that was accepted.
enum Seat {
    Member(Ticket, Arc<Known>),
    Guest(GuestTicket),
}

/// The last check of the handshake: whether the dialer is the one that may use its name now.
fn claim(
    node: &Arc<Node>,
    connect: &Connect,
    address: Option<SocketAddr>,
) -> Result<Seat, LinkError> {
    if is_guest_name(&connect.host) {
        return guests::claim(node, connect).map(Seat::Guest);
    }
    let known = node.peers.get(&connect.host);
    let Some((known, arrivals)) =
        known.and_then(|known| Some((Arc::clone(&known), Arc::clone(known.arrivals.as_ref()?))))
    else {
        // The direction was checked before, so a known host that does not dial this node does not get here.
        return Err(LinkError::UnknownHost { host: connect.host.clone(), nearest: None });
    };
    let dial = connect.dial.filter(|_| connect.peer.is_some());
    let ticket = arrivals.claim(Claim { instance: Instance(connect.id), dial, address })?;
    Ok(Seat::Member(ticket, known))
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
    let first_limit = limit.min(FIRST_BYTE_TIMEOUT);
    let begun = within_fixed(first_limit, "nothing was received", first).await?;
    entry.reach(Stage::Unknown);
    let requested = within(limit, "no upgrade request", begun.read_request()).await?;
    if requested.is_probe() {
        entry.reach(Stage::Probe);
    }
    let refuse = async |requested: Requested<_>, status, text| {
        let refused = async { Ok(requested.refuse(status, text).await) };
        Err(within(limit, "the refusal was not read", refused).await?)
    };
    if requested.path() != node.config.route {
        let path = requested.path();
        let text = format!("no grid at {path}: all nodes need the same `Config::route`");
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
pub(super) async fn keep_accepting(
    own: Introduction,
    endpoint: Endpoint,
    arrivals: Arc<Arrivals>,
    log: Arc<LinkLog>,
    life: Life,
) {
    let _closed = CloseOnDrop(&arrivals);
    let mut closing = Closing::new(life.alive.clone());
    let mut life = life;
    let mut overdue = Some(Instant::now() + DIAL_EXPECTED);
    loop {
        let is_overdue = sleep_until(overdue.unwrap_or_else(Instant::now));
        let (order, claim, arrival) = tokio::select! {
            next = arrivals.next() => next,
            _ = life.ended() => return,
            () = idle(&endpoint) => continue,
            () = is_overdue, if overdue.is_some() => {
                overdue = None;
                log.overdue(DIAL_EXPECTED);
                continue;
            }
        };
        let Arrival { transport, agreed } = arrival;
        let cut = async {
            tokio::select! {
                later = arrivals.waiting() => {
                    let is_other = later.instance != claim.instance;
                    LinkError::Replaced { by: is_other.then(|| later.to_string()) }
                }
                reason = life.ended() => reason,
                reason = log.draining() => reason,
            }
        };
        log.up(&agreed, &own);
        endpoint.peer.contracts.up(agreed.contracts);
        // The reason is in the state of the link.
        let (reason, transport) =
            drive(&endpoint, agreed.session, agreed.instance, transport, cut).await;
        log.down(&reason);
        overdue = Some(Instant::now() + DIAL_EXPECTED);
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
