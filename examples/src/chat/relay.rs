//! The stream between two nodes, which one of them opens, and what both do with it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use grid::{Connection, State};

use super::line::What;
use super::room::Room;
use super::service::ChatClient;

/// After a stream failed to open, it is tried again after this time. Only for peers that are connected and refuse it, or
/// are about to shut down: for all others the opening itself waits.
const PAUSE: Duration = Duration::from_secs(1);

/// Which of two nodes opens the stream between them: a stream goes both ways, so there need not be two.
pub(super) fn opens(own: &str, peer: &str) -> bool {
    own < peer
}

/// Keeps the stream to a peer open, until this node is shut down.
pub(super) async fn keep_open(connection: Connection, room: Arc<Room>) {
    let chat = ChatClient::new(connection.clone());
    while connection.state() != State::Shutdown {
        // No timeout: for a peer that is down, this waits until it comes back.
        match chat.relay().wait_connected().await {
            Ok((ours, theirs)) => exchange(&room, connection.peer(), theirs, ours).await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Tells a peer what happens here and the room what happens there, until the stream ends. Both ends do the same.
pub(super) async fn exchange<E>(
    room: &Room,
    peer: &str,
    theirs: impl Stream<Item = Result<What, E>>,
    ours: impl Sink<What>,
) {
    let (mut theirs, mut ours) = (pin!(theirs), pin!(ours));
    // In this order: who has been told that the peer is connected can rely on being heard there.
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
