//! The listening side: upgrades byte streams to WebSockets, performs the handshake, and passes connections to their
//! peers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::arrivals::{Arrivals, Claim, Ticket};
use super::closing::{CLOSE_TIMEOUT, Closing};
use super::guests::{self, GuestTicket};
use super::handshake::{Arrival, Gate, receive_introduction};
use super::judge::{Origin, judge};
use super::known::Known;
use super::life::Life;
use super::listen::{Accepted, Listen};
use super::refusals::{Refusal, RefusalLog};
use super::report::{LinkLog, note_refusal};
use super::shared::Node;
use super::steps::{within, within_fixed};
use super::strangers::{Entry, Stage};
use super::tls_accept::{EXPECTS_TLS, FIRST_BYTE_TIMEOUT, begin_tls};
use crate::auth::Identity;
use crate::certificate::PeerCertificate;
use crate::error::LinkError;
use crate::net::catch::{catch, catch_future, log};
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session::{drive, idle};
use crate::net::link::state::Instance;
use crate::net::transport::http::StatusCode;
use crate::net::transport::upgrade::check::Answer;
use crate::net::transport::upgrade::server::read_first;
use crate::net::transport::{Io, WebSocket, end};
use crate::proto::wire::Connect;
use crate::proto::{Feature, Introduction, is_guest_name};

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
            biased;
            // First, so that ended ones do not pile up while strangers keep dialing.
            Some(ended) = handshakes.join_next() => {
                if let Ok(Some((address, refused))) = ended {
                    log.refused(&node, address, &refused);
                }
                continue;
            }
            // A listener of the user's that panics has failed, and is asked again.
            accepted = catch_future(listener.accept()) => {
                accepted.unwrap_or_else(|panic| Err(io::Error::other(format!("it panicked: {panic}"))))
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
            Err(error) => {
                // The peer closed the connection before it was accepted.
                let is_about_peer = is_about_the_peer(&error);
                match is_about_peer {
                    true => {
                        log!(debug, local = %node.name, %error, "cannot accept")
                    }
                    false => log.cannot_accept(&node, &error),
                }
                // It can be the user's.
                catch("the drop of an error", || drop(error));
                if !is_about_peer {
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection before its upgrade to a WebSocket.
pub(super) trait Upgrade: Send {
    /// The address of the dialer.
    fn address(&self) -> Option<SocketAddr>;

    /// Judges the upgrade request, answers it, and upgrades the connection.
    fn upgrade(
        self,
        node: &Node,
        entry: &mut Entry,
    ) -> impl Future<Output = Result<Upgraded, LinkError>> + Send;
}

/// A WebSocket, and the client certificate of the dialer.
pub(super) type Upgraded = (WebSocket<Box<dyn Io>>, Option<PeerCertificate>);

/// Performs the upgrade and the handshake on a connection, and passes it to its peer.
pub(super) async fn accept(node: &Arc<Node>, accepted: impl Upgrade) -> Result<(), Refusal> {
    let address = accepted.address();
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
                biased;
                _ = closed => {}
                _ = tokio::time::timeout(CLOSE_TIMEOUT, end(&mut transport, &reason)) => {}
            }
        });
    }
    greeted.map_err(|(known, reason)| {
        if let Some(known) = &known {
            known.log.refused(address, &reason);
        }
        let refusal = Refusal { reason, stage, is_logged: known.is_some() };
        refusal.count(node);
        refusal
    })
}

/// A connection that is to be closed, and why.
type Unused = Option<(WebSocket<Box<dyn Io>>, LinkError)>;

/// An error has the node of the dialer as well, if it has stated the name of one.
async fn greet(
    node: &Arc<Node>,
    accepted: impl Upgrade,
    entry: &mut Entry,
    unused: &mut Unused,
) -> Result<(), (Option<Arc<Known>>, LinkError)> {
    let address = accepted.address();
    let upgraded = accepted.upgrade(node, entry).await;
    let (mut transport, certificate) = upgraded.map_err(|reason| (None, reason))?;
    entry.reach(Stage::Upgraded);
    let own = node.introduction();
    let is_known =
        |name: &str| node.peers.contains(name) || (node.guests.takes_any() && is_guest_name(name));
    let contracts = |name: &str| {
        let guest = || node.guests.get(name).filter(|_| node.tells_guests_services);
        let known = node.peers.get(name).or_else(guest);
        known.map(|known| known.endpoint.peer.contracts.statement()).unwrap_or_default()
    };
    let nearest = |name: &str| node.nearest(name);
    let gate = Gate {
        own: &own,
        is_known: &is_known,
        contracts: &contracts,
        nearest: &nearest,
        clock: &node.clock,
        clock_skew_max: node.config.clock_skew_max,
        credentials: node.credentials(),
        address,
        certificate: certificate.as_ref(),
    };
    let claim = |connect: &Connect, identity: &Identity| claim(node, connect, identity, address);
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
            ticket.deliver(Arrival { transport, agreed, certificate });
            return Ok(());
        }
    };
    match ticket.deliver(Arrival { transport, agreed, certificate }) {
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
    identity: &Identity,
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
    let is_proven = identity.name().is_some();
    let instance = Instance(connect.id);
    let ticket = arrivals.claim(Claim { instance, dial, address, is_proven })?;
    Ok(Seat::Member(ticket, known))
}

/// The upgrade request is read from the byte stream.
impl Upgrade for Accepted {
    fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    async fn upgrade(self, node: &Node, entry: &mut Entry) -> Result<Upgraded, LinkError> {
        let Self { stream, address, certificate, is_before_tls } = self;
        let limit = node.config.connect_timeout;
        let tls = node.tls_of_listener().filter(|_| is_before_tls);
        let (stream, certificate, lacks_tls) = match tls {
            None => (stream, certificate, false),
            Some(security) => match begin_tls(security, stream, limit, entry).await? {
                Ok((stream, certificate)) => (stream, certificate, false),
                Err(stream) => (stream, None, true),
            },
        };
        let first = read_first(stream);
        let first_limit = limit.min(FIRST_BYTE_TIMEOUT);
        let begun = within_fixed(first_limit, "nothing was received", first).await;
        let begun = begun.inspect_err(|_| {
            // A health check that ends after its TLS handshake.
            if entry.stage() == Stage::Unknown {
                entry.reach(Stage::Probe);
            }
        })?;
        entry.reach(Stage::Unknown);
        let requested = within(limit, "no upgrade request", begun.read_request()).await?;
        let origin = Origin { address, certificate: certificate.as_ref() };
        let head = requested.head();
        let judged = match lacks_tls {
            true => {
                entry.reach(if head.is_probe() { Stage::Probe } else { Stage::Unknown });
                Err(Answer::new(StatusCode::BAD_REQUEST, EXPECTS_TLS))
            }
            false => judge(node, head, &node.config.route, origin, entry).await,
        };
        match judged {
            Ok(answer) => {
                let accepted = requested.accept(answer);
                let transport = within(limit, "the upgrade was not read", accepted).await?;
                Ok((transport, certificate))
            }
            Err(answer) => {
                let refused = async { Ok(requested.refuse(answer).await) };
                Err(within(limit, "the refusal was not read", refused).await?)
            }
        }
    }
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
            biased;
            _ = life.ended() => return,
            next = arrivals.next() => next,
            () = is_overdue, if overdue.is_some() => {
                overdue = None;
                log.overdue(DIAL_EXPECTED);
                continue;
            }
            () = idle(&endpoint) => continue,
        };
        let Arrival { transport, agreed, certificate } = arrival;
        let cut = async {
            tokio::select! {
                biased;
                reason = life.ended() => reason,
                later = arrivals.waiting() => {
                    let is_other = later.instance != claim.instance;
                    LinkError::Replaced { by: is_other.then(|| later.to_string()) }
                }
                reason = log.draining() => reason,
            }
        };
        let endpoint = endpoint.identified(agreed.identity.clone(), certificate);
        let (session, instance) = (agreed.session, agreed.instance);
        let up = || {
            log.up(&agreed, &own);
            endpoint.peer.contracts.up(agreed.contracts, session.features.has(Feature::Windows));
        };
        // The reason is in the state of the link.
        let (reason, transport) = drive(&endpoint, session, instance, transport, up, cut).await;
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
