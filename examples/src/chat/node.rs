//! [`ChatNode`]: a grid node with a room, and the streams to all other rooms.

use std::sync::Arc;
use std::time::Duration;

use grid::{BuildError, Builder, CallError, Manager, RemoteError, Requests, Responses};
use tokio::task::JoinSet;

use super::line::Line;
use super::relay::{keep_open, opens};
use super::room::Room;
use super::service::{ChatClient, ChatServer, Host};

/// One node of the chat. It stops when this is dropped.
#[derive(Debug)]
pub struct ChatNode {
    manager: Manager,
    room: Arc<Room>,
    /// The tasks that keep the streams to other nodes, aborted with the node.
    _relays: JoinSet<()>,
}

/// What a user has: where to talk, and where to read.
pub type Seat = (Requests<String>, Responses<Line, RemoteError>);

impl ChatNode {
    /// Starts a node of this name; `configure` gives it its hosts and its secret.
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

    /// The node as the grid sees it.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Lets a user of this node in.
    ///
    /// # Errors
    /// Only that of a node that is shut down: a name that is taken is told by the lines.
    pub async fn join(&self, user: &str) -> Result<Seat, CallError<RemoteError>> {
        let here = self.manager.connection(self.manager.name());
        ChatClient::new(here.expect("a node knows itself")).join(user.to_owned()).await
    }

    /// What happens here and on the nodes that are connected.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Says goodbye to users and other nodes.
    pub async fn shutdown(&self) {
        self.manager.shutdown(Duration::ZERO).await;
    }
}
