//! Sends and receives the two messages of the handshake, with timeouts. `proto/session/handshake.rs` decides whether a
//! peer is accepted.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::auth::{Authenticate, Claim};
use crate::error::LinkError;
use crate::net::link::state::Instance;
use crate::net::transport::{Io, Transport, WebSocket};
use crate::proto::wire::{Connect, ConnectResponse, Message, Op, StatedLimits, Timestamp};
use crate::proto::{
    Feature, Features, Introduction, Session, check_claim, check_direction, check_names,
    uses_checksum,
};

/// A connection after its handshake.
pub(super) struct Established<T> {
    pub(super) transport: T,
    pub(super) session: Session,
    /// Identifies the run of the peer.
    pub(super) instance: Instance,
}

/// A connection that has completed its handshake.
pub(super) type Arrival = Established<WebSocket<Box<dyn Io>>>;

/// Timeout for each handshake message.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The dialer's side: sends Connect to `remote` and waits for its answer.
pub(super) async fn introduce<T: Transport>(
    mut transport: T,
    own: &Introduction,
    remote: &str,
    token: String,
) -> Result<Established<T>, LinkError> {
    let wall = SystemTime::now();
    let connect = Connect {
        id: own.id,
        host: own.name.clone(),
        time: Timestamp::from(wall),
        token,
        peer: own.features.has(Feature::Names).then(|| remote.to_owned()),
        limits: own.stated_limits(Features::all()),
        features: own.features.names(),
    };
    send(&mut transport, connect.to_message()).await?;
    let answer = receive(&mut transport).await?;
    if answer.header.op != Op::ConnectResponse {
        return Err(bad(format!("answered with {} instead of ConnectResponse", answer.header.op)));
    }
    let response = ConnectResponse::decode(&answer.payload.unwrap_or_default())
        .map_err(|error| bad(format!("answered with an unreadable ConnectResponse: {error}")))?;
    if own.features.has(Feature::Names) {
        // Before the refusal: that a stranger refuses it says nothing about the peer.
        check_names(Some(remote), response.host.as_deref())?;
    }
    if !response.accepted {
        return Err(LinkError::Refused { reason: response.reason });
    }
    let session = agree(own, remote, &response.features, response.limits, wall);
    Ok(Established { transport, session, instance: Instance(response.id) })
}

/// What a listener checks a dialer against.
pub(super) struct Gate<'a> {
    pub(super) own: &'a Introduction,
    pub(super) is_known: &'a (dyn Fn(&str) -> bool + Sync),
    pub(super) auth: &'a dyn Authenticate,
    /// The address of the dialer.
    pub(super) address: Option<SocketAddr>,
    /// Timeout of the authenticator.
    pub(super) auth_limit: Duration,
}

/// The listener's side: reads the dialer's Connect, and accepts or refuses it. Also returns the dialer's name.
pub(super) async fn receive_introduction<T: Transport>(
    mut transport: T,
    gate: &Gate<'_>,
) -> Result<(String, Established<T>), LinkError> {
    let own = gate.own;
    let first = receive(&mut transport).await?;
    let wall = SystemTime::now();
    let connect = decode_connect(first);
    let peer_knows_names = connect.as_ref().is_ok_and(|connect| connect.peer.is_some());
    let judged = match connect {
        Ok(connect) => gate.judge(&connect, wall).await.map(|()| connect),
        Err(error) => Err(error),
    };
    let mut response = ConnectResponse {
        id: own.id,
        accepted: judged.is_ok(),
        reason: String::new(),
        host: None,
        limits: None,
        features: Vec::new(),
    };
    // Only a dialer that knows the extension is told: a Go node receives what it expects.
    if peer_knows_names && own.features.has(Feature::Names) {
        response.host = Some(own.name.clone());
    }
    match judged {
        Ok(connect) => {
            // A peer without features may be a Go node, so the answer has only the fields of the base protocol.
            if !connect.features.is_empty() {
                response.features = own.features.names();
                response.limits = own.stated_limits(features_of(&connect.features));
            }
            send(&mut transport, response.to_message()).await?;
            let session = agree(own, &connect.host, &connect.features, connect.limits, wall);
            Ok((connect.host, Established { transport, session, instance: Instance(connect.id) }))
        }
        Err(error) => {
            response.reason = error.to_string();
            // Refused even if the peer does not read the answer.
            let _ = send(&mut transport, response.to_message()).await;
            poll_fn(|cx| {
                transport.close(cx);
                Poll::Ready(())
            })
            .await;
            Err(error)
        }
    }
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
        check_claim(connect, wall, self.is_known)?;
        if self.own.features.has(Feature::Names) {
            check_names(connect.peer.as_deref(), Some(&self.own.name))?;
        }
        let claim = Claim {
            name: Some(&connect.host),
            token: &connect.token,
            address: self.address,
            time: connect.time.to_system_time(),
        };
        authenticate(self.auth, claim, self.auth_limit).await?;
        check_direction(&self.own.name, &connect.host)
    }
}

/// Calls the user's authenticator, with a timeout.
pub(super) async fn authenticate(
    auth: &dyn Authenticate,
    claim: Claim<'_>,
    limit: Duration,
) -> Result<(), LinkError> {
    match tokio::time::timeout(limit, auth.check(claim)).await {
        Ok(judged) => judged.map_err(|denied| LinkError::Denied { reason: denied.to_string() }),
        Err(_) => Err(LinkError::TimedOut { step: "no answer from the authenticator", limit }),
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
    Session {
        checksum: uses_checksum(&own.name, remote),
        features,
        wall,
        peer_message_bytes_max: limits
            .map(|limits| usize::try_from(limits.message_bytes_max).unwrap_or(usize::MAX)),
        loopback: false,
    }
}

fn features_of(names: &[String]) -> Features {
    Features::from_names(names.iter().map(String::as_str))
}

async fn send(transport: &mut impl Transport, message: Bytes) -> Result<(), LinkError> {
    transport.start_send(message)?;
    let flushed = poll_fn(|cx| transport.poll_flush(cx));
    tokio::time::timeout(HANDSHAKE_TIMEOUT, flushed).await.map_err(|_| LinkError::TimedOut {
        step: "handshake message not written",
        limit: HANDSHAKE_TIMEOUT,
    })?
}

async fn receive(transport: &mut impl Transport) -> Result<Message, LinkError> {
    let received = poll_fn(|cx| transport.poll_recv(cx));
    let bytes = tokio::time::timeout(HANDSHAKE_TIMEOUT, received)
        .await
        .map_err(|_| LinkError::TimedOut { step: "no handshake", limit: HANDSHAKE_TIMEOUT })??;
    Message::decode(bytes).map_err(|error| bad(format!("the first message is malformed: {error}")))
}

fn bad(reason: String) -> LinkError {
    LinkError::Handshake { reason }
}
