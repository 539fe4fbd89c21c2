//! [`Chat`]: what a node offers to its users and to other nodes.

use std::sync::Arc;

use grid::{Context, Incoming, Outgoing, RemoteError};

use super::line::{Line, What};
use super::relay::exchange;
use super::room::Room;

/// One node of the chat.
#[grid::service]
pub trait Chat {
    /// A user is here as long as the stream lasts: what they say comes in, what everybody says goes out.
    async fn join(
        &self,
        user: String,
        said: Incoming<String>,
        screen: Outgoing<Line>,
    ) -> Result<(), RemoteError>;

    /// Two nodes tell each other what their own users do.
    async fn relay(
        &self,
        cx: &Context,
        theirs: Incoming<What>,
        ours: Outgoing<What>,
    ) -> Result<(), RemoteError>;
}

/// Serves one room.
#[derive(Debug)]
pub(super) struct Host(pub(super) Arc<Room>);

impl Chat for Host {
    async fn join(
        &self,
        user: String,
        mut said: Incoming<String>,
        mut screen: Outgoing<Line>,
    ) -> Result<(), RemoteError> {
        let mut lines = self.0.listen();
        // However this ends, also by being dropped with the user's link, the user has left then.
        let Some(user) = self.0.enter(&user) else {
            return Err(RemoteError::new(format!("there is a {user} here already")));
        };
        loop {
            tokio::select! {
                text = said.next() => match text {
                    Some(text) => user.say(text?),
                    None => return Ok(()),
                },
                // Waits for a slow reader, whose place in the room waits meanwhile, but nobody else's.
                line = lines.next() => screen.send(line).await?,
            }
        }
    }

    async fn relay(
        &self,
        cx: &Context,
        theirs: Incoming<What>,
        ours: Outgoing<What>,
    ) -> Result<(), RemoteError> {
        exchange(&self.0, cx.peer(), theirs, ours).await;
        Ok(())
    }
}
