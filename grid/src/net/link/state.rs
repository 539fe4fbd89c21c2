//! [`State`]: the state of the connection to a peer.

use std::fmt;
use std::sync::Arc;

use crate::error::LinkError;

/// State of the connection to one peer.
///
/// [`Connection::states`](crate::Connection::states) returns a stream of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// There is no connection yet, and the peer is the one to dial.
    Unconnected,
    /// This node is dialing.
    Connecting,
    /// The link is up.
    Connected {
        /// The run of the peer: a different one than before means that it was restarted.
        instance: Instance,
    },
    /// The last connection or attempt failed; another attempt follows.
    Error(Arc<LinkError>),
    /// This node is shut down. This is the last state.
    Shutdown,
}

impl State {
    /// Whether the link is up.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconnected => f.write_str("not connected"),
            Self::Connecting => f.write_str("connecting"),
            Self::Connected { .. } => f.write_str("connected"),
            Self::Error(reason) => write!(f, "not connected: {}", reason.full_text()),
            Self::Shutdown => f.write_str("shut down"),
        }
    }
}

/// One run of a node: 16 bytes, chosen at random when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance(pub(crate) [u8; 16]);

impl Instance {
    /// A new one, in the form of a UUID of version 4.
    pub(crate) fn random() -> Self {
        let mut bytes: [u8; 16] = rand::random();
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
