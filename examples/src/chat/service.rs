//! [`Chat`]: the service that a node offers to its users and to other nodes.

use grid::{Context, Incoming, Outgoing, RemoteError};

use super::line::{Line, What};

/// One node of the chat.
#[grid::service(schema)]
pub trait Chat {
    /// Joins a user for as long as the stream lasts. The user's texts come in, all lines go out.
    async fn join(
        &self,
        user: String,
        said: Incoming<String>,
        screen: Outgoing<Line>,
    ) -> Result<(), RemoteError>;

    /// Exchanges lines between two nodes: each sends those of its own users.
    async fn relay(
        &self,
        cx: &Context,
        theirs: Incoming<What>,
        ours: Outgoing<What>,
    ) -> Result<(), RemoteError>;
}
