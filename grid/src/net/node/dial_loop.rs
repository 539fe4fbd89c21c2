//! The dialing side of a link: connect, upgrade, handshake, and retry after a failure.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

use super::closing::Closing;
use super::handshake::{Arrival, Dialed, introduce};
use super::life::Life;
use super::report::LinkLog;
use super::shared::Node;
use super::steps::within;
use crate::auth::Ask;
use crate::certificate::PeerCertificate;
use crate::entropy;
use crate::error::LinkError;
use crate::net::call::abort::AbortOnDrop;
use crate::net::catch::catch_future;
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session::{drive, idle};
use crate::net::link::state::State;
use crate::net::transport::upgrade::client::{Request, connect};
use crate::net::transport::{Io, WebSocket};
use crate::proto::Feature;

/// Time from the start of a failed attempt to the start of the next one. Random within this range, so that not all
/// nodes dial a restarted node at the same time.
const RETRY: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(2);

/// While another process has this node's name, the pause is doubled with each attempt, up to this.
const NAME_TAKEN_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A peer that does not have this node on its list yet is dialed again after a pause of half this to all of it, doubled
/// with each refusal up to [`UNLISTED_PAUSE_MAX`]. Lists usually change on all nodes within a second.
const UNLISTED_PAUSE: Duration = Duration::from_millis(250);

/// Two nodes are connected within this time once both have each other on their lists: a listener cannot call its dialer.
const UNLISTED_PAUSE_MAX: Duration = Duration::from_secs(2);

/// After a connection that lasted this long, the name is this node's again.
const NAME_KEPT: Duration = Duration::from_secs(60);

/// Runs the link to a peer that this node dials. Returns when the node is shut down.
pub(super) async fn keep_dialing(
    node: Arc<Node>,
    endpoint: Endpoint,
    log: Arc<LinkLog>,
    life: Life,
) {
    let peer = &endpoint.peer;
    let mut closing = Closing::new(life.alive.clone());
    let mut life = life;
    let mut pauses = Pauses::default();
    loop {
        if peer.link(|link| link.is_closing()) {
            // The node shuts down, or the peer was removed. A connection would be closed as soon as it is up.
            tokio::select! {
                biased;
                _ = life.ended() => return,
                () = idle(&endpoint) => continue,
            }
        }
        let started = Instant::now();
        // The state keeps the reason of a failure during the next attempt.
        if peer.state() == State::Unconnected {
            peer.show(State::Connecting);
        }
        let attempt = tokio::select! {
            biased;
            _ = life.ended() => return,
            attempt = begin_attempt(&node, &endpoint) => attempt,
            () = idle(&endpoint) => continue,
        };
        let (reason, was_up, carried_calls) = match attempt {
            Ok(Arrival { transport, agreed, certificate }) => {
                let since = Instant::now();
                let endpoint = endpoint.identified(agreed.identity.clone(), certificate);
                let (session, instance) = (agreed.session, agreed.instance);
                let up = || {
                    log.up(&agreed, &node.introduction());
                    peer.contracts.up(agreed.contracts, session.features.has(Feature::Windows));
                };
                let cut = async {
                    tokio::select! {
                        biased;
                        reason = life.ended() => reason,
                        reason = log.draining() => reason,
                    }
                };
                let (reason, transport) =
                    drive(&endpoint, session, instance, transport, up, cut).await;
                let was_up = since.elapsed();
                let carried_calls = peer.link(|link| link.carried_calls());
                log.down(&reason);
                if let Some(transport) = transport {
                    closing.close(transport, &reason);
                }
                (reason, was_up, carried_calls)
            }
            Err(Failed { reason, transport }) => {
                log.failed(&reason);
                if let Some(transport) = transport {
                    closing.close(*transport, &reason);
                }
                (Arc::new(reason), Duration::ZERO, false)
            }
        };
        let pause = pauses.next(&reason, was_up, carried_calls);
        peer.link(|link| link.set_down_reason(Arc::clone(&reason)));
        peer.show(State::Error(reason));
        // After a connection that lasted or carried calls, dial again at once. Another one counts as a failed attempt.
        if let Some(pause) = pause {
            tokio::select! {
                biased;
                _ = life.ended() => return,
                () = tokio::time::sleep_until(started + pause) => {}
                () = idle(&endpoint) => {}
            }
        }
    }
}

/// The refusals that make the pauses between attempts longer.
#[derive(Debug, Default)]
struct Pauses {
    /// How often the peer preferred another process with this node's name.
    conflicts: u32,
    /// How often in a row this node was not on the peer's list.
    unlisted: u32,
    /// When a connection that carried calls was last too short for a dial without a pause, and got one.
    excused: Option<Instant>,
}

impl Pauses {
    /// How long to wait from the start of an attempt to the next one, after a connection that was up for this long. `None`
    /// is no pause at all. A connection that carried calls need not have lasted, but only once a second, and not if another
    /// process has this node's name: both would replace each other all the time.
    fn next(
        &mut self,
        reason: &LinkError,
        was_up: Duration,
        carried_calls: bool,
    ) -> Option<Duration> {
        if matches!(reason, LinkError::NameTaken { .. }) {
            let pause = entropy::random_range(RETRY) * (1 << self.conflicts.min(6));
            self.conflicts += 1;
            // Counted from the end of the connection, however long it lasted.
            return Some(was_up + pause.min(NAME_TAKEN_PAUSE_MAX));
        }
        if was_up >= NAME_KEPT {
            self.conflicts = 0;
        }
        if reason.is_unlisted() {
            let pause = UNLISTED_PAUSE * (1 << self.unlisted.min(3));
            self.unlisted += 1;
            return Some(entropy::random_range(pause / 2..pause.min(UNLISTED_PAUSE_MAX)));
        }
        self.unlisted = 0;
        if was_up >= RETRY.start {
            return None;
        }
        if carried_calls && self.excused.is_none_or(|at| at.elapsed() >= RETRY.start) {
            self.excused = Some(Instant::now());
            return None;
        }
        Some(entropy::random_range(RETRY))
    }
}

/// An attempt that did not lead to a connection.
struct Failed {
    reason: LinkError,
    /// To be closed with the reason.
    transport: Option<Box<WebSocket<Box<dyn Io>>>>,
}

impl From<LinkError> for Failed {
    fn from(reason: LinkError) -> Self {
        Self { reason, transport: None }
    }
}

/// Runs an attempt in a task of its own: it runs the user's dialer and authenticator, which may block, while the deadlines
/// of waiting calls must pass. If they panic, the peer is dialed again.
async fn begin_attempt(node: &Arc<Node>, endpoint: &Endpoint) -> Result<Arrival, Failed> {
    let (node, endpoint) = (Arc::clone(node), endpoint.clone());
    let task = tokio::spawn(async move {
        let attempt = catch_future(attempt(&node, &endpoint)).await;
        attempt.unwrap_or_else(|text| Err(LinkError::Panicked { text }.into()))
    });
    let _abort = AbortOnDrop(task.abort_handle());
    task.await.unwrap_or_else(|_| Err(LinkError::RuntimeGone.into()))
}

async fn attempt(node: &Node, endpoint: &Endpoint) -> Result<Arrival, Failed> {
    let peer = &endpoint.peer;
    let limit = node.config.connect_timeout;
    let Opened { mut transport, token, certificate } =
        within(limit, "no WebSocket upgrade", open(node, endpoint)).await?;
    let contracts = peer.contracts.statement();
    let (number, credentials) = (node.next_dial(), node.credentials());
    let dialed = Dialed {
        remote: &peer.name,
        token,
        number,
        contracts,
        clock: &node.clock,
        credentials,
        certificate: certificate.as_ref(),
    };
    match introduce(&mut transport, &node.introduction(), dialed).await {
        Ok(agreed) => {
            transport.take_messages_of(node.config.message_bytes_max);
            Ok(Arrival { transport, agreed, certificate })
        }
        Err(reason) => Err(Failed { reason, transport: Some(Box::new(transport)) }),
    }
}

/// A WebSocket, with what is known about it before the handshake.
struct Opened {
    transport: WebSocket<Box<dyn Io>>,
    /// The token, which the handshake sends again.
    token: String,
    /// The certificate of the listener.
    certificate: Option<PeerCertificate>,
}

/// Opens a WebSocket.
async fn open(node: &Node, endpoint: &Endpoint) -> Result<Opened, LinkError> {
    let Endpoint { peer, workers, .. } = endpoint;
    // Before the byte stream: a listener does not wait long for the first bytes.
    let ask = Ask { local: &node.name, peer: &peer.name, now: node.clock.now() };
    let token = node.credentials().token(ask).await?.into_text();
    let dialed = workers.guard(async { node.dial.dial_certified(&peer.name).await }).await;
    let (stream, certificate) = dialed?;
    let request = Request {
        authority: peer.name.split_once("://").map_or(&*peer.name, |(_, authority)| authority),
        route: &node.config.route,
        token: &token,
        time_ns: node.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
    };
    let transport = connect(stream, &request).await?;
    Ok(Opened { transport, token, certificate })
}
