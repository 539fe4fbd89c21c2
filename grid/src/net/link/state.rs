//! [`State`]: the state of the connection to a peer.

use std::fmt;
use std::sync::Arc;

use crate::entropy;
use crate::error::LinkError;

/// State of the connection to one peer.
///
/// [`Connection::states`](crate::Connection::states) returns a stream of them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = grid::Manager::builder("http://node1:9000").build()?;
/// use grid::State;
///
/// for connection in node.connections() {
///     match connection.state() {
///         State::Connected { instance } => println!("{}: run {instance}", connection.peer()),
///         state => println!("{}: {state}", connection.peer()),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// There is no connection yet. The peer must dial this node.
    Unconnected,
    /// This node is dialing.
    Connecting,
    /// The link is up.
    Connected {
        /// Identifies the run of the peer. It changes when the peer is restarted.
        instance: Instance,
    },
    /// The link is up, and carries no new calls: the peer shuts down, or it was removed from the host list. The calls that run
    /// may finish.
    Draining {
        /// Identifies the run of the peer.
        instance: Instance,
    },
    /// The last connection or attempt failed; another attempt follows.
    Error(Arc<LinkError>),
    /// The peer was removed from the host list of this node. This is the last state: if it is added again, that makes a new
    /// link.
    Removed,
    /// This node is shut down. This is the last state.
    Shutdown,
}

impl State {
    /// Whether the link is up and carries new calls.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// Whether no other state follows.
    pub(in crate::net) fn is_last(&self) -> bool {
        matches!(self, Self::Removed | Self::Shutdown)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconnected => f.write_str("not connected"),
            Self::Connecting => f.write_str("connecting"),
            Self::Connected { .. } => f.write_str("connected"),
            Self::Draining { .. } => f.write_str("connected, without new calls"),
            Self::Error(reason) => write!(f, "not connected: {}", reason.explained()),
            Self::Removed => f.write_str("removed from the host list"),
            Self::Shutdown => f.write_str("shut down"),
        }
    }
}

/// Identifies one run of a node: 16 random bytes, chosen when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance(pub(crate) [u8; 16]);

impl Instance {
    /// Creates a random instance, formatted as a version 4 UUID.
    pub(crate) fn random() -> Self {
        let mut bytes: [u8; 16] = entropy::random();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
