//! Sends and receives the two messages of the handshake, with timeouts. `proto/session/handshake.rs` decides whether a
//! peer is accepted.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::auth::{Authenticate, Claim};
use crate::error::{LinkError, one_line};
use crate::net::link::state::Instance;
use crate::net::serve::workers::Workers;
use crate::net::transport::{Io, Transport, WebSocket};
use crate::proto::wire::{
    Connect, ConnectResponse, Message, Op, ServiceContract, StatedLimits, Timestamp,
};
use crate::proto::{
    Feature, Features, Introduction, Session, check_claim, check_direction, check_names,
    is_guest_name, uses_checksum,
};

/// What a handshake has agreed on.
pub(super) struct Agreed {
    pub(super) session: Session,
    /// Identifies the run of the peer.
    pub(super) instance: Instance,
    /// What the peer has stated about its services.
    pub(super) contracts: Vec<ServiceContract>,
}

/// A connection that has completed its handshake.
pub(super) struct Arrival {
    pub(super) transport: WebSocket<Box<dyn Io>>,
    pub(super) agreed: Agreed,
}

/// Timeout for each handshake message.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a dialer sends for one attempt.
pub(super) struct Dialed<'a> {
    pub(super) remote: &'a str,
    pub(super) token: String,
    /// Counts the attempts to reach this peer.
    pub(super) number: u64,
    /// What this node states about its services.
    pub(super) contracts: Vec<ServiceContract>,
}

/// The dialer's side: sends Connect and waits for the answer.
pub(super) async fn introduce(
    transport: &mut impl Transport,
    own: &Introduction,
    dialed: Dialed<'_>,
) -> Result<Agreed, LinkError> {
    let wall = SystemTime::now();
    let states_names = own.features.has(Feature::Names);
    let Dialed { remote, token, number, contracts } = dialed;
    let connect = Connect {
        id: own.id,
        host: own.name.clone(),
        time: Timestamp::from(wall),
        token,
        peer: states_names.then(|| remote.to_owned()),
        dial: states_names.then_some(number),
        limits: own.stated_limits(Features::all()),
        contracts: if own.features.has(Feature::Contracts) { contracts } else { Vec::new() },
        features: own.features.names(),
    };
    send(transport, connect.to_message()).await?;
    let answer = receive(transport).await?;
    if answer.header.op != Op::ConnectResponse {
        return Err(bad(format!("answered with {} instead of ConnectResponse", answer.header.op)));
    }
    let response = ConnectResponse::decode(&answer.payload.unwrap_or_default())
        .map_err(|error| bad(format!("answered with an unreadable ConnectResponse: {error}")))?;
    if states_names {
        // Before the refusal: that a stranger refuses it says nothing about the peer.
        check_names(Some(remote), response.host.as_deref())?;
    }
    let ConnectResponse { accepted, reason, name_taken, limits, contracts, features, id, .. } =
        response;
    let reason = one_line(&reason);
    match accepted {
        true => {
            let session = agree(own, remote, &features, limits, wall);
            let contracts = active(&session, contracts);
            Ok(Agreed { session, instance: Instance(id), contracts })
        }
        false if name_taken => Err(LinkError::NameTaken { detail: reason }),
        false => Err(LinkError::Refused { reason }),
    }
}

/// What a listener checks a dialer against.
pub(super) struct Gate<'a> {
    pub(super) own: &'a Introduction,
    pub(super) is_known: &'a (dyn Fn(&str) -> bool + Sync),
    /// What this node states about its services to the node of this name.
    pub(super) contracts: &'a (dyn Fn(&str) -> Vec<ServiceContract> + Sync),
    /// The name in the host list that a wrong one most likely stands for.
    pub(super) nearest: &'a (dyn Fn(&str) -> Option<String> + Sync),
    pub(super) clock_skew_max: Duration,
    pub(super) workers: &'a Workers,
    pub(super) auth: &'a dyn Authenticate,
    /// The address of the dialer.
    pub(super) address: Option<SocketAddr>,
    /// Timeout of the authenticator.
    pub(super) auth_limit: Duration,
}

/// The listener's side: reads the dialer's Connect, and accepts or refuses it. `claim` is the last check; its result is
/// returned with what was agreed on. An error also has the name of the dialer, if it has stated one of a known host.
pub(super) async fn receive_introduction<C>(
    transport: &mut impl Transport,
    gate: &Gate<'_>,
    claim: impl FnOnce(&Connect) -> Result<C, LinkError>,
) -> Result<(C, Agreed), (Option<String>, LinkError)> {
    let own = gate.own;
    let mut response = ConnectResponse {
        id: own.id,
        accepted: false,
        reason: String::new(),
        host: None,
        name_taken: false,
        limits: None,
        contracts: Vec::new(),
        features: Vec::new(),
    };
    let received = receive(transport).await;
    let wall = SystemTime::now();
    let connect = match received.and_then(decode_connect) {
        Ok(connect) => connect,
        Err(error) => {
            if matches!(error, LinkError::Handshake { .. }) {
                refuse(transport, response, &error).await;
            }
            return Err((None, error));
        }
    };
    // Only a dialer that knows the extension is told: a Go node receives what it expects.
    let knows_names = connect.peer.is_some() && own.features.has(Feature::Names);
    if knows_names {
        response.host = Some(own.name.clone());
    }
    let judged = gate.judge(&connect, wall).await.and_then(|()| claim(&connect));
    match judged {
        Ok(claimed) => {
            response.accepted = true;
            // A peer without features may be a Go node, so the answer has only the fields of the base protocol.
            if !connect.features.is_empty() {
                response.features = own.features.names();
                let peer = features_of(&connect.features);
                response.limits = own.stated_limits(peer);
                if own.features.and(peer).has(Feature::Contracts) {
                    response.contracts = (gate.contracts)(&connect.host);
                }
            }
            let known = Some(connect.host.clone());
            send(transport, response.to_message()).await.map_err(|error| (known, error))?;
            let session = agree(own, &connect.host, &connect.features, connect.limits, wall);
            let contracts = active(&session, connect.contracts);
            Ok((claimed, Agreed { session, instance: Instance(connect.id), contracts }))
        }
        Err(error) => {
            response.name_taken = knows_names && matches!(error, LinkError::NameTaken { .. });
            refuse(transport, response, &error).await;
            Err(((gate.is_known)(&connect.host).then_some(connect.host), error))
        }
    }
}

/// Answers that the dialer is not accepted. The caller closes the connection.
async fn refuse(transport: &mut impl Transport, response: ConnectResponse, error: &LinkError) {
    let reason = match error {
        // The dialer adds what the error is.
        LinkError::NameTaken { detail } if response.name_taken => detail.clone(),
        error => error.to_string(),
    };
    // Refused even if the peer does not read the answer.
    let _ = send(transport, ConnectResponse { reason, ..response }.to_message()).await;
}

fn decode_connect(first: Message) -> Result<Connect, LinkError> {
    if first.header.op != Op::Connect {
        return Err(bad(format!("expected Connect, got {}", first.header.op)));
    }
    Connect::decode(&first.payload.unwrap_or_default())
        .map_err(|error| bad(format!("unreadable Connect: {error}")))
}

impl Gate<'_> {
    async fn judge(&self, connect: &Connect, wall: SystemTime) -> Result<(), LinkError> {
        check_claim(connect, wall, self.clock_skew_max, self.is_known).map_err(
            |error| match error {
                LinkError::UnknownHost { host, .. } if is_guest_name(&host) => LinkError::NoGuests,
                LinkError::UnknownHost { host, .. } => {
                    LinkError::UnknownHost { nearest: (self.nearest)(&host), host }
                }
                error => error,
            },
        )?;
        if self.own.features.has(Feature::Names) {
            check_names(connect.peer.as_deref(), Some(&self.own.name))?;
        }
        let claim = Claim {
            name: Some(&connect.host),
            token: &connect.token,
            address: self.address,
            time: connect.time.to_system_time(),
        };
        authenticate(self.auth, self.workers, claim, self.auth_limit).await?;
        check_direction(&self.own.name, &connect.host)
    }
}

/// Calls the user's authenticator, with a timeout.
pub(super) async fn authenticate(
    auth: &dyn Authenticate,
    workers: &Workers,
    claim: Claim<'_>,
    limit: Duration,
) -> Result<(), LinkError> {
    // Calling `check` can block as well.
    let check = workers.guard(async {
        let judged = auth.check(claim).await;
        judged.map_err(|denied| LinkError::Denied { reason: denied.to_string() })
    });
    within(limit, "no answer from the authenticator", check).await
}

/// Runs one step of an attempt, which is limited by `Config::connect_timeout`. The error names the step that was slow.
pub(super) async fn within<T>(
    limit: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let late = |_| LinkError::TimedOut { step, limit, setting: Some("connect_timeout") };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

/// Like [`within`], for a limit that cannot be set.
pub(super) async fn within_fixed<T>(
    limit: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let late = |_| LinkError::TimedOut { step, limit, setting: None };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

fn agree(
    own: &Introduction,
    remote: &str,
    features: &[String],
    limits: Option<StatedLimits>,
    wall: SystemTime,
) -> Session {
    let features = own.features.and(features_of(features));
    let limits = limits.filter(|_| features.has(Feature::Limits));
    Session {
        checksum: uses_checksum(&own.name, remote),
        features,
        wall,
        peer_message_bytes_max: limits
            .map(|limits| usize::try_from(limits.message_bytes_max).unwrap_or(usize::MAX)),
        loopback: false,
    }
}

/// What a peer has stated about its services counts only if the extension is active.
fn active(session: &Session, contracts: Vec<ServiceContract>) -> Vec<ServiceContract> {
    if session.features.has(Feature::Contracts) { contracts } else { Vec::new() }
}

fn features_of(names: &[String]) -> Features {
    Features::from_names(names.iter().map(String::as_str))
}

async fn send(transport: &mut impl Transport, message: Bytes) -> Result<(), LinkError> {
    transport.start_send(message)?;
    let flushed = poll_fn(|cx| transport.poll_flush(cx));
    within_fixed(HANDSHAKE_TIMEOUT, "handshake message not written", flushed).await
}

async fn receive(transport: &mut impl Transport) -> Result<Message, LinkError> {
    let received = poll_fn(|cx| transport.poll_recv(cx));
    let bytes = within_fixed(HANDSHAKE_TIMEOUT, "no handshake", received).await?;
    Message::decode(bytes).map_err(|error| bad(format!("the first message is malformed: {error}")))
}

fn bad(reason: String) -> LinkError {
    LinkError::Handshake { reason }
}
