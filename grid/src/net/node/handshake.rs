//! Sends and receives the two messages of the handshake, with timeouts. `proto/session/handshake.rs` decides whether a
//! peer is accepted.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::credentials::Credentials;
use super::steps::within_fixed;
use super::wall_clock::WallClock;
use crate::auth::{Answer, Claim, Identity};
use crate::certificate::PeerCertificate;
use crate::error::{LinkError, one_line};
use crate::net::catch::log;
use crate::net::link::state::Instance;
use crate::net::transport::{Io, Transport, WebSocket};
use crate::proto::wire::{
    Connect, ConnectResponse, Message, Op, ServiceContract, StatedLimits, Statement, Timestamp,
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
    /// What was proven about the peer.
    pub(super) identity: Identity,
    /// How far the clock of a dialer is from this node's, and how far it may be.
    pub(super) skew: Option<(Duration, Duration)>,
}

/// A connection that has completed its handshake.
pub(super) struct Arrival {
    pub(super) transport: WebSocket<Box<dyn Io>>,
    pub(super) agreed: Agreed,
    /// The certificate of the peer.
    pub(super) certificate: Option<PeerCertificate>,
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
    pub(super) contracts: Statement,
    pub(super) clock: &'a WallClock,
    /// Checks the listener's proof.
    pub(super) credentials: Credentials<'a>,
    /// The certificate of the listener.
    pub(super) certificate: Option<&'a PeerCertificate>,
}

/// The dialer's side: sends Connect and waits for the answer.
pub(super) async fn introduce(
    transport: &mut impl Transport,
    own: &Introduction,
    dialed: Dialed<'_>,
) -> Result<Agreed, LinkError> {
    let states_names = own.features.has(Feature::Names);
    let Dialed { remote, token, number, contracts, clock, credentials, certificate } = dialed;
    let wall = clock.now();
    let connect = Connect {
        id: own.id,
        host: own.name.clone(),
        time: Timestamp::from(wall),
        token: token.clone(),
        peer: states_names.then(|| remote.to_owned()),
        dial: states_names.then_some(number),
        limits: own.stated_limits(Features::all()),
        contracts: if own.features.has(Feature::Contracts) {
            contracts
        } else {
            Statement::default()
        },
        features: own.features.names(),
    };
    send(transport, connect.to_message()).await?;
    let answer = match receive(transport).await {
        // Closed with the code that says so, which slows this node down: not before a proof.
        Err(LinkError::NameTaken { detail }) => {
            let (local, answered, proof) = (&own.name, remote, None);
            let token = &token;
            let answer = Answer { local, peer: remote, answered, token, proof, certificate };
            credentials.verify(answer, Some(&detail)).await?;
            return Err(LinkError::NameTaken { detail });
        }
        answer => answer?,
    };
    if answer.header.op != Op::ConnectResponse {
        return Err(bad(format!("answered with {} instead of ConnectResponse", answer.header.op)));
    }
    let response = ConnectResponse::decode(&answer.payload.unwrap_or_default())
        .map_err(|error| bad(format!("answered with an unreadable ConnectResponse: {error}")))?;
    let answered = response.host.as_deref().filter(|_| states_names).unwrap_or(remote);
    let reason = one_line(&response.reason);
    let proof = response.proof.as_deref().filter(|_| own.features.has(Feature::Proof));
    let (local, token) = (&own.name, &token);
    let answer = Answer { local, peer: remote, answered, token, proof, certificate };
    // First: nothing that a stranger says counts, neither its name nor why it refuses this node.
    let refused = Some(&*reason).filter(|_| !response.accepted);
    let identity = credentials.verify(answer, refused).await?;
    // Before the refusal: that another node refuses this one says nothing about the peer.
    check_names(Some(remote), Some(answered))?;
    check_names(Some(remote), identity.name())?;
    let ConnectResponse { accepted, name_taken, limits, contracts, features, id, .. } = response;
    match accepted {
        true => {
            let session = agree(own, remote, &features, limits, wall);
            let contracts = active(&session, &contracts, remote);
            Ok(Agreed { session, instance: Instance(id), contracts, identity, skew: None })
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
    pub(super) contracts: &'a (dyn Fn(&str) -> Statement + Sync),
    /// The name in the host list that a wrong one most likely stands for.
    pub(super) nearest: &'a (dyn Fn(&str) -> Option<String> + Sync),
    pub(super) clock: &'a WallClock,
    pub(super) clock_skew_max: Duration,
    pub(super) credentials: Credentials<'a>,
    /// The address of the dialer.
    pub(super) address: Option<SocketAddr>,
    /// The client certificate of the dialer.
    pub(super) certificate: Option<&'a PeerCertificate>,
}

/// The listener's side: reads the dialer's Connect, and accepts or refuses it. `claim` is the last check; its result is
/// returned with what was agreed on. An error also has the name of the dialer, if it has stated one of a known host.
pub(super) async fn receive_introduction<C>(
    transport: &mut impl Transport,
    gate: &Gate<'_>,
    claim: impl FnOnce(&Connect, &Identity) -> Result<C, LinkError>,
) -> Result<(C, Agreed), (Option<String>, LinkError)> {
    let own = gate.own;
    let mut response = ConnectResponse {
        id: own.id,
        accepted: false,
        reason: String::new(),
        host: None,
        name_taken: false,
        limits: None,
        contracts: Statement::default(),
        proof: None,
        features: Vec::new(),
    };
    let received = receive(transport).await;
    let wall = gate.clock.now();
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
    let knows_proofs = features_of(&connect.features).and(own.features).has(Feature::Proof);
    let judged = async {
        if knows_proofs {
            // Before the decision: a refusal is believed only with a proof.
            response.proof = gate.credentials.prove(gate.claim(&connect, wall)).await?;
        }
        let identity = gate.judge(&connect, wall).await?;
        Ok((claim(&connect, &identity)?, identity))
    };
    match judged.await {
        Ok((claimed, identity)) => {
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
            let contracts = active(&session, &connect.contracts, &connect.host);
            let instance = Instance(connect.id);
            let skew = connect.time.abs_diff(Timestamp::from(wall));
            let skew = Some((skew, gate.clock_skew_max));
            Ok((claimed, Agreed { session, instance, contracts, identity, skew }))
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
        // The names of other nodes are not for strangers.
        LinkError::UnknownHost { host, .. } => {
            LinkError::UnknownHost { host: host.clone(), nearest: None }.to_string()
        }
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
    async fn judge(&self, connect: &Connect, wall: SystemTime) -> Result<Identity, LinkError> {
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
        let identity = self.credentials.check(self.claim(connect, wall)).await?;
        check_direction(&self.own.name, &connect.host)?;
        Ok(identity)
    }

    /// What a dialer states, for the authenticator.
    fn claim<'c>(&'c self, connect: &'c Connect, now: SystemTime) -> Claim<'c> {
        Claim {
            local: &self.own.name,
            name: Some(&connect.host),
            token: &connect.token,
            address: self.address,
            time: connect.time.to_system_time(),
            now,
            skew_max: self.clock_skew_max,
            certificate: self.certificate,
        }
    }
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
    let in_memory = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Session {
        checksum: uses_checksum(&own.name, remote),
        features,
        wall,
        peer_message_bytes_max: limits.map(|limits| in_memory(limits.message_bytes_max)),
        peer_requests_bytes_max: limits.and_then(|limits| limits.requests_bytes_max).map(in_memory),
        loopback: false,
    }
}

/// What a peer has stated about its services counts only if the extension is active. It is read when the peer is accepted,
/// because it becomes many times as long in memory.
fn active(session: &Session, contracts: &Statement, peer: &str) -> Vec<ServiceContract> {
    if !session.features.has(Feature::Contracts) {
        return Vec::new();
    }
    contracts.read().unwrap_or_else(|error| {
        // It is for people, so the connection does not depend on it.
        log!(debug, peer, %error, "cannot read what the peer states about its services");
        Vec::new()
    })
}

fn features_of(names: &[String]) -> Features {
    Features::from_names(names.iter().map(String::as_str))
}

async fn send(transport: &mut impl Transport, message: Bytes) -> Result<(), LinkError> {
    transport.start_send(message.into())?;
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
