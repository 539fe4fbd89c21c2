//! The first two messages of a connection, with their time-outs. What they mean is decided in `proto/handshake.rs`.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::auth::Authenticate;
use crate::net::link::state::Instance;
use crate::net::transport::Transport;
use crate::proto::wire::{Connect, ConnectResponse, Message, Op, Timestamp};
use crate::proto::{Expectation, Features, Introduction, Session, refuse, uses_checksum};

/// A connection after its handshake.
pub(in crate::net) struct Established<T> {
    pub(in crate::net) transport: T,
    pub(in crate::net) session: Session,
    /// The run of the peer that answered.
    pub(in crate::net) instance: Instance,
}

/// How long the peer may take for its handshake message.
pub(in crate::net) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The dialer's part: introduces this node to `remote` and waits to be let in.
pub(in crate::net) async fn introduce<T: Transport>(
    mut transport: T,
    own: &Introduction,
    remote: &str,
    auth: &dyn Authenticate,
) -> Result<Established<T>, String> {
    let wall = SystemTime::now();
    let connect = Connect {
        id: own.id,
        host: own.name.clone(),
        time: Timestamp::from(wall),
        token: auth.token(remote),
        features: own.features.names(),
    };
    send(&mut transport, connect.to_message()).await?;
    let answer = receive(&mut transport).await?;
    if answer.header.op != Op::ConnectResponse {
        return Err(format!(
            "answered the handshake with {} instead of ConnectResponse",
            answer.header.op
        ));
    }
    let response = ConnectResponse::decode(&answer.payload.unwrap_or_default())
        .map_err(|error| format!("answered the handshake with something unreadable: {error}"))?;
    if !response.accepted {
        return Err(format!("refused the connection: {}", response.reason));
    }
    let session = agree(own, remote, &response.features, wall);
    Ok(Established { transport, session, instance: Instance(response.id) })
}

/// The listener's part: reads who is there and lets it in or not. Gives the name of the dialer as well.
///
/// An error names the dialer as far as it has said who it is.
pub(in crate::net) async fn receive_introduction<T: Transport>(
    mut transport: T,
    own: &Introduction,
    is_known: &(dyn Fn(&str) -> bool + Sync),
    auth: &Arc<dyn Authenticate>,
) -> Result<(String, Established<T>), String> {
    let first = receive(&mut transport).await?;
    let wall = SystemTime::now();
    let connect = if first.header.op == Op::Connect {
        Connect::decode(&first.payload.unwrap_or_default())
            .map_err(|error| format!("unreadable Connect: {error}"))
    } else {
        Err(format!("expected Connect, got {}", first.header.op))
    };
    let judged = connect.and_then(|connect| {
        let check_token = |token: &str| auth.check(token).map_err(|denied| denied.to_string());
        let expect = Expectation { local: &own.name, is_known, check_token: &check_token };
        match refuse(&connect, wall, &expect) {
            None => Ok(connect),
            Some(reason) => Err(reason),
        }
    });
    let mut response = ConnectResponse {
        id: own.id,
        accepted: judged.is_ok(),
        reason: String::new(),
        features: Vec::new(),
    };
    match judged {
        Ok(connect) => {
            // A peer that names no features is not told ours: it may be a Go node, which gets what it knows.
            if !connect.features.is_empty() {
                response.features = own.features.names();
            }
            send(&mut transport, response.to_message()).await?;
            let session = agree(own, &connect.host, &connect.features, wall);
            Ok((connect.host, Established { transport, session, instance: Instance(connect.id) }))
        }
        Err(reason) => {
            response.reason.clone_from(&reason);
            // It is refused all the same if it does not hear it.
            let _ = send(&mut transport, response.to_message()).await;
            poll_fn(|cx| {
                transport.close(cx);
                std::task::Poll::Ready(())
            })
            .await;
            Err(reason)
        }
    }
}

fn agree(own: &Introduction, remote: &str, features: &[String], wall: SystemTime) -> Session {
    Session {
        checksum: uses_checksum(&own.name, remote),
        features: own.features.and(Features::from_names(features.iter().map(String::as_str))),
        wall,
    }
}

async fn send(transport: &mut impl Transport, message: bytes::Bytes) -> Result<(), String> {
    transport.start_send(message).map_err(|error| error.to_string())?;
    let flushed = poll_fn(|cx| transport.poll_flush(cx));
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, flushed).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("did not take the handshake within {HANDSHAKE_TIMEOUT:?}")),
    }
}

async fn receive(transport: &mut impl Transport) -> Result<Message, String> {
    let received = poll_fn(|cx| transport.poll_recv(cx));
    let bytes = match tokio::time::timeout(HANDSHAKE_TIMEOUT, received).await {
        Ok(result) => result.map_err(|error| format!("no handshake: {error}"))?,
        Err(_) => return Err(format!("no handshake within {HANDSHAKE_TIMEOUT:?}")),
    };
    Message::decode(bytes).map_err(|error| format!("garbage instead of a handshake: {error}"))
}
