//! The stream between two nodes: which node opens it, and what both send on it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use grid::{Connection, State};

use super::line::What;
use super::room::Room;
use super::service::ChatClient;

/// Pause after the opening of a stream failed: the peer has refused it or is shutting down. A peer that is not
/// connected needs no pause, because the opening waits for the connection.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether this node opens the stream to `peer`. One stream is enough for both directions, so only one of them does.
pub(super) fn opens(own: &str, peer: &str) -> bool {
    own < peer
}

/// Keeps the stream to a peer open until this node is shut down.
pub(super) async fn keep_open(connection: Connection, room: Arc<Room>) {
    let chat = ChatClient::new(connection.clone());
    while connection.state() != State::Shutdown {
        // No timeout: if the peer is down, this waits until it is back.
        match chat.relay().wait_connected().await {
            Ok((ours, theirs)) => exchange(&room, connection.peer(), theirs, ours).await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Sends this node's lines to the peer, and passes the peer's lines to the room, until the stream ends. Both ends run
/// this function.
pub(super) async fn exchange<E>(
    room: &Room,
    peer: &str,
    theirs: impl Stream<Item = Result<What, E>>,
    ours: impl Sink<What>,
) {
    let (mut theirs, mut ours) = (pin!(theirs), pin!(ours));
    // In this order: whatever is said after the peer was reported as connected must reach it.
    let mut lines = room.listen();
    let _connected = room.connected(peer);
    loop {
        tokio::select! {
            what = theirs.next() => match what {
                Some(Ok(what)) => room.hear(peer, what),
                Some(Err(_)) | None => return,
            },
            line = lines.next() => {
                if room.is_own(&line) && ours.send(line.what).await.is_err() {
                    return;
                }
            }
        }
    }
}
