//! [`ChatNode`]: a grid node with a room and a stream to each other node.

use std::sync::Arc;
use std::time::Duration;

use grid::{BuildError, Builder, CallError, Manager, RemoteError, Requests, Responses};
use tokio::task::JoinSet;

use super::host::Host;
use super::line::Line;
use super::relay::{keep_open, opens};
use super::room::Room;
use super::service::{ChatClient, ChatServer};

/// One node of the chat. Dropping it stops the node.
#[derive(Debug)]
pub struct ChatNode {
    manager: Manager,
    room: Arc<Room>,
    /// Tasks that keep the streams to other nodes open. Aborted when the node is dropped.
    _relays: JoinSet<()>,
}

/// A user's two ends: lines to send and lines to read.
pub type Seat = (Requests<String>, Responses<Line, RemoteError>);

impl ChatNode {
    /// Starts a node of this name; `configure` sets its hosts and its secret.
    ///
    /// # Errors
    /// Those of [`Builder::build`].
    pub fn start(
        name: &str,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, BuildError> {
        let room = Arc::new(Room::new(name));
        let service = ChatServer::new(Host(Arc::clone(&room)));
        let manager = configure(Manager::builder(name)).service(service).build()?;
        let mut relays = JoinSet::new();
        for connection in manager.connections().filter(|peer| opens(name, peer.peer())) {
            relays.spawn(keep_open(connection, Arc::clone(&room)));
        }
        Ok(Self { manager, room, _relays: relays })
    }

    /// The grid node below the chat.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Adds a user on this node.
    ///
    /// # Errors
    /// Fails only if the node is shut down. If the name is taken, the stream of lines ends with an error.
    pub async fn join(&self, user: &str) -> Result<Seat, CallError<RemoteError>> {
        let here = self.manager.connection(self.manager.name());
        ChatClient::new(here.expect("a node knows itself")).join(user.to_owned()).await
    }

    /// Subscribes to the lines of this node and of all connected ones.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Shuts the node down: ends the streams of its users and of other nodes.
    pub async fn shutdown(&self) {
        self.manager.shutdown(Duration::ZERO).await;
    }
}
