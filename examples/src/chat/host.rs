//! [`Host`]: what a node does for its users and for other nodes.

use std::sync::Arc;

use grid::{Context, Incoming, Outgoing, RemoteError};

use super::line::{Line, What};
use super::relay::exchange;
use super::room::Room;
use super::service::Chat;

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
        // The user leaves when this is dropped: at the end of the function, or with the future when the link is lost.
        let Some(user) = self.0.enter(&user) else {
            return Err(RemoteError::new(format!("the name {user} is taken")));
        };
        loop {
            tokio::select! {
                text = said.next() => match text {
                    Some(text) => user.say(text?),
                    None => return Ok(()),
                },
                // Waiting for a slow reader delays only this user's subscription.
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
