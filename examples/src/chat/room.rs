//! [`Room`]: one node's part of the chat, a broadcast channel of lines with a list of users. Of nodes it knows the
//! names only, and it knows nothing of streams.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{broadcast, watch};

use super::line::{Line, What};

/// How many lines a listener may be behind before lines are dropped: enough for a screen and a pause of the network,
/// and with lines of 1 KiB at most 256 KiB for the whole room.
pub const BEHIND_MAX: usize = 256;

/// One node's part of the chat.
#[derive(Debug)]
pub struct Room {
    node: String,
    lines: broadcast::Sender<Line>,
    users: Mutex<BTreeSet<String>>,
    reached: watch::Sender<BTreeSet<String>>,
}

impl Room {
    /// Creates the empty room of the node with this name.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            lines: broadcast::Sender::new(BEHIND_MAX),
            users: Mutex::default(),
            reached: watch::Sender::default(),
        }
    }

    /// Subscribes to all lines from now on.
    pub fn listen(&self) -> Listener<'_> {
        Listener { room: self, lines: self.lines.subscribe() }
    }

    /// Adds a user. Returns `None` if the name is taken.
    #[must_use]
    pub fn enter(&self, user: &str) -> Option<Presence<'_>> {
        let new = self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned());
        new.then(|| {
            self.say(What::Joined { user: user.to_owned() });
            Presence { room: self, user: user.to_owned() }
        })
    }

    /// Announces that another node is connected, until the guard is dropped.
    #[must_use]
    pub fn connected<'a>(&'a self, peer: &'a str) -> Connected<'a> {
        // In this order, so that a listener that reads `reached` first does not receive the line as well.
        self.hear(peer, What::Reached);
        self.reached.send_modify(|reached| _ = reached.insert(peer.to_owned()));
        Connected { room: self, peer }
    }

    /// Names of the connected nodes.
    pub fn reached(&self) -> watch::Receiver<BTreeSet<String>> {
        self.reached.subscribe()
    }

    /// Sends a line of another node to all listeners.
    pub fn hear(&self, peer: &str, what: What) {
        // Fails only if there is no listener, which is fine.
        let _ = self.lines.send(Line { node: peer.to_owned(), what });
    }

    /// Whether a line is of this node, and so must be sent to other nodes.
    pub fn is_own(&self, line: &Line) -> bool {
        line.node == self.node
    }

    fn say(&self, what: What) {
        self.hear(&self.node, what);
    }
}

/// A subscription to all lines.
#[derive(Debug)]
pub struct Listener<'a> {
    room: &'a Room,
    lines: broadcast::Receiver<Line>,
}

impl Listener<'_> {
    /// The next line.
    ///
    /// # Cancel safety
    /// Cancel safe: a line is taken only when the future is ready.
    pub async fn next(&mut self) -> Line {
        let what = match self.lines.recv().await {
            Ok(line) => return line,
            Err(broadcast::error::RecvError::Lagged(count)) => What::Missed(count),
            // Cannot happen, because the room has a sender. Without one there would never be another line.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        };
        Line { node: self.room.node.clone(), what }
    }
}

/// A user in the room. Dropping it removes the user.
#[derive(Debug)]
pub struct Presence<'a> {
    room: &'a Room,
    user: String,
}

impl Presence<'_> {
    /// Sends a text to all listeners, this user included.
    pub fn say(&self, text: String) {
        self.room.say(What::Said { user: self.user.clone(), text });
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.room.users.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.user);
        self.room.say(What::Left { user: std::mem::take(&mut self.user) });
    }
}

/// A connected node. Dropping it announces that the node is not connected any more.
#[derive(Debug)]
pub struct Connected<'a> {
    room: &'a Room,
    peer: &'a str,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.room.reached.send_modify(|reached| _ = reached.remove(self.peer));
        self.room.hear(self.peer, What::Unreachable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_too_slow_is_told_what_was_missed() {
        let room = Room::new("n1");
        let mut slow = room.listen();
        let ann = room.enter("ann").unwrap();
        for number in 0..BEHIND_MAX + 2 {
            ann.say(number.to_string());
        }
        assert_eq!(slow.next().await.to_string(), "* n1 missed 3 lines");
        assert_eq!(slow.next().await.to_string(), "ann@n1: 2");
    }

    #[tokio::test]
    async fn a_name_is_free_again_when_its_user_has_left() {
        let room = Room::new("n1");
        let mut lines = room.listen();
        let ann = room.enter("ann");
        assert!(ann.is_some() && room.enter("ann").is_none());
        drop(ann);
        assert!(room.enter("ann").is_some());
        for line in ["has joined", "has left", "has joined", "has left"] {
            assert_eq!(lines.next().await.to_string(), format!("* ann@n1 {line}"));
        }
    }
}
