//! [`LinkError`]: why there is no link to a peer.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clocks::Clocks;
use super::nearest::did_you_mean;

/// The cause of a [`LinkError`]: an error of a library or of the user's code.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why there is no link to a peer, or why a link ended.
///
/// [`State::Error`](crate::State::Error), [`CallError::Disconnected`](crate::CallError::Disconnected) and
/// [`NotConnected`](crate::NotConnected) contain it. Its text does not include its [`source`](Error::source);
/// [`full_text`](Self::full_text) returns both.
///
/// Two errors are equal if they have the same variant and the same full text.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use grid::{LinkError, State};
///
/// let node = grid::Manager::builder("http://node1:9000")
///     .hosts(["http://node1:9000", "http://127.0.0.1:1"])
///     .token(grid::SharedSecret::new("correct horse"))
///     .build()?;
/// let connection = node.connection("http://127.0.0.1:1")?;
/// let _ = connection.wait_connected(Duration::from_millis(100)).await;
/// match connection.state() {
///     State::Error(reason) => {
///         println!("{}", reason.full_text()); // cannot connect: 127.0.0.1:1: Connection refused
///         assert!(matches!(&*reason, LinkError::Connect(_)));
///     }
///     state => println!("{state}"), // this node does not dial, or still does
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No connection was made yet.
    #[error("not connected yet")]
    NotConnected,
    /// The peer dials this node, by the rule of [`dials`](crate::dials), and has not done so yet.
    #[error("the peer has to dial this node, and has not done so yet{}", semicolon(.refused.as_deref()))]
    #[non_exhaustive]
    NotDialed {
        /// The last connection that this node has refused before it stated a name, so it may have been the peer's, and why.
        refused: Option<String>,
    },
    /// The peer's name could not be resolved to an address.
    #[error("cannot resolve the name")]
    Resolve(#[source] Cause),
    /// No byte stream to the peer could be opened.
    #[error("cannot connect")]
    Connect(#[source] Cause),
    /// TLS could not be established.
    #[error("no TLS")]
    Tls(#[source] Cause),
    /// A step of connecting took too long.
    #[error("{step} within {limit:?}{}", knob(*.setting))]
    #[non_exhaustive]
    TimedOut {
        /// What did not happen in time, such as `no WebSocket upgrade`.
        step: &'static str,
        /// The limit that was exceeded.
        limit: Duration,
        /// The setting in [`Config`](crate::Config) that is the limit; `None` if it cannot be set.
        setting: Option<&'static str>,
    },
    /// This node could not get a token to send.
    #[error("this node has no token to send")]
    Token(#[source] Cause),
    /// The upgrade request was refused with an HTTP status, by the peer or by this node.
    #[error("{} {status} instead of a WebSocket{}", if *.by_us { "this node answered" } else { "the peer answered" }, colon(.text))]
    #[non_exhaustive]
    Upgrade {
        /// Status code and reason phrase, such as `403 Forbidden`.
        status: String,
        /// The body of the response.
        text: String,
        /// Whether this node refused the request of the peer.
        by_us: bool,
    },
    /// The peer does not speak HTTP or WebSocket, or violated one of these protocols.
    #[error("not a valid WebSocket")]
    WebSocket(#[source] Cause),
    /// The peer sent a message that is larger than this node accepts.
    #[error(
        "a message of {bytes} bytes exceeds the limit of {max} bytes (`Config::message_bytes_max` of this node)"
    )]
    #[non_exhaustive]
    MessageTooLarge {
        /// The length of the message, as far as it is known: of a fragmented message, up to the fragment that was too much.
        bytes: usize,
        /// [`Config::message_bytes_max`](crate::Config::message_bytes_max).
        max: usize,
    },
    /// The peer violated the handshake of the grid protocol.
    #[error("no handshake: {reason}")]
    #[non_exhaustive]
    Handshake {
        /// What the peer did instead.
        reason: String,
    },
    /// The peer refused the handshake.
    #[error("the peer refused this node: {reason}")]
    #[non_exhaustive]
    Refused {
        /// The text that the peer sent.
        reason: String,
    },
    /// The name that the dialer sent is not in this node's host list.
    #[error("unknown incoming host: {host} is not in the host list of the node that it dials{}", did_you_mean(.nearest.as_deref()))]
    #[non_exhaustive]
    UnknownHost {
        /// The name.
        host: String,
        /// The most similar name in the list, if one is similar.
        nearest: Option<String>,
    },
    /// The dialer is a guest, and this node takes none.
    #[error("unknown incoming host: the node takes no guests (`Builder::guests`)")]
    NoGuests,
    /// The dialer is a guest, and as many are connected as this node takes.
    #[error("as many guests as the node takes are connected: {max} (`Builder::guests`)")]
    #[non_exhaustive]
    GuestsFull {
        /// The limit that [`Builder::guests`](crate::Builder::guests) was given.
        max: usize,
    },
    /// The clocks of dialer and listener are too far apart.
    #[error(
        "time difference too large between servers: {}, the limit is {max:?} (`Config::clock_skew_max` of the listener)",
        Clocks { dialer: *.remote, listener: *.local, difference: *.difference }
    )]
    #[non_exhaustive]
    ClockSkew {
        /// This node's time.
        local: SystemTime,
        /// The time that the dialer sent.
        remote: SystemTime,
        /// The difference between the two.
        difference: Duration,
        /// The largest permitted difference: [`Config::clock_skew_max`](crate::Config::clock_skew_max).
        max: Duration,
    },
    /// The dialer's token was not accepted.
    #[error("auth token: {reason}")]
    #[non_exhaustive]
    Denied {
        /// The reason that the authenticator returned.
        reason: String,
    },
    /// The node that has answered did not prove that it knows the secret of the grid, and this node believes nothing that it
    /// has said: see [`Authenticate::verify`](crate::Authenticate::verify).
    #[error("whoever answers at the address of {peer} has not proven that it knows the secret: {reason}{}", unproven(.refused.as_deref()))]
    #[non_exhaustive]
    Unproven {
        /// The node that the dialer wants to reach.
        peer: String,
        /// The reason that the authenticator of this node returned.
        reason: String,
        /// Why the one that answered has refused this node, if it has. It may be wrong.
        refused: Option<String>,
    },
    /// The wrong node dialed: by the rule of the protocol, the listener should have dialed the dialer.
    #[error("grid: {local} expected to dial {host}, not to be dialed")]
    #[non_exhaustive]
    WrongDirection {
        /// This node.
        local: String,
        /// The node that dialed.
        host: String,
    },
    /// Another node than the wanted one is at the address: the peer's name resolves to a wrong address, or its address was given
    /// to another node.
    #[error("{answered} is at the address of {wanted}: check where that name leads to")]
    #[non_exhaustive]
    WrongNode {
        /// The node that the dialer wants to reach.
        wanted: String,
        /// The node that it has reached.
        answered: String,
    },
    /// The peer broke the protocol.
    #[error("the peer broke the protocol")]
    Protocol(#[source] Cause),
    /// The peer sent nothing, not even answers to pings.
    #[error("no sign of life for {} s (the limit follows from `Config::ping_interval`)", .silent.as_secs())]
    #[non_exhaustive]
    Silent {
        /// The time since the last byte was received. The limit is twice [`Config::ping_interval`](crate::Config::ping_interval).
        silent: Duration,
    },
    /// The peer closed the connection.
    #[error("the peer closed the connection{}", colon(if .reason.is_empty() { "without a reason" } else { .reason }))]
    #[non_exhaustive]
    Closed {
        /// The status code of the WebSocket protocol, such as 1001 (shutting down) or 1002 (this node broke the protocol);
        /// `None` if the peer did not say why.
        code: Option<u16>,
        /// What the peer said, at most 123 bytes.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection failed")]
    Io(#[source] Cause),
    /// A newer connection from the same peer replaced this one.
    #[error("{}", replaced(.by.as_deref()))]
    #[non_exhaustive]
    Replaced {
        /// The other process that has connected under the peer's name, with its address; `None` if it is the same one.
        by: Option<String>,
    },
    /// A later connection of the same process has been accepted already, so this one is out of date.
    #[error("dial {dial} was read after dial {latest} of the same process")]
    #[non_exhaustive]
    StaleDial {
        /// The number of this dial.
        dial: u64,
        /// The number of the latest accepted dial.
        latest: u64,
    },
    /// Two running processes use one name. One of them is connected, the other one is refused, and tries again after growing
    /// pauses.
    #[error("two processes use one name: {detail}")]
    #[non_exhaustive]
    NameTaken {
        /// The instances of both processes and their addresses, as far as they are known.
        detail: String,
    },
    /// Too many accepted connections had not completed their handshake, and this one was closed for a newer one.
    #[error("closed for a newer connection: {max} connections had not completed their handshake")]
    #[non_exhaustive]
    Crowded {
        /// The limit: for all sources, or for one source address.
        max: usize,
    },
    /// The peer ended the call without an answer.
    #[error("the peer ended the call without an answer")]
    CallDropped,
    /// The peer sent nothing on this stream for too long, not even pings or pongs.
    #[error("no sign of life on the stream for {silent:?}")]
    #[non_exhaustive]
    StreamSilent {
        /// The time since the last message.
        silent: Duration,
    },
    /// The call had ended before it was polled.
    #[error("the call is over")]
    CallOver,
    /// User code in the task of a link panicked in the link's task.
    #[error("the application's code panicked: {text}")]
    #[non_exhaustive]
    Panicked {
        /// The panic message.
        text: String,
    },
    /// The tokio runtime that ran the link has ended, or the link's task was dropped.
    #[error("the runtime of this node has ended")]
    RuntimeGone,
    /// The peer was removed from the host list, with [`Members::remove`](crate::Members::remove) or by the source of the list.
    #[error("removed from the host list of {local}")]
    #[non_exhaustive]
    Removed {
        /// The node from whose list it was removed.
        local: String,
    },
    /// This node is shut down.
    #[error("this node is shut down")]
    ShutDown,
}

impl LinkError {
    /// Creates an error of name resolution, for a [`Dial`](crate::Dial) of your own.
    pub fn resolve(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Resolve(cause.into().into())
    }

    /// Creates an error of connecting, for a [`Dial`](crate::Dial) of your own. `?` on an [`io::Error`] does the same.
    pub fn connect(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Connect(cause.into().into())
    }

    /// Creates a TLS error, for a [`Dial`](crate::Dial) of your own.
    pub fn tls(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Tls(cause.into().into())
    }

    /// Whether this node has refused the peer, and the text does not say so: the peer reads it as well.
    pub(crate) fn is_own_refusal(&self) -> bool {
        matches!(
            self,
            Self::UnknownHost { .. }
                | Self::NoGuests
                | Self::GuestsFull { .. }
                | Self::ClockSkew { .. }
                | Self::Denied { .. }
                | Self::WrongDirection { .. }
                | Self::StaleDial { .. }
        )
    }

    /// Whether the peer does not have this node on its list. All nodes begin the text so, those of the base protocol as well.
    pub(crate) fn is_unlisted(&self) -> bool {
        matches!(self, Self::Refused { reason } if reason.starts_with("unknown incoming host"))
    }

    /// The full text, for a reader who does not know which node has refused the other one.
    pub(crate) fn explained(&self) -> impl fmt::Display + '_ {
        let prefix = if self.is_own_refusal() { "this node refused the peer: " } else { "" };
        format!("{prefix}{}", self.full_text())
    }

    /// One word for the reason, such as `refused` or `io`. There are few of them, so they can be labels of metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::NotDialed { .. } => "not_dialed",
            Self::Resolve(_) => "resolve",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::TimedOut { .. } => "timed_out",
            Self::Token(_) => "token",
            Self::Upgrade { .. } => "upgrade",
            Self::WebSocket(_) => "websocket",
            Self::MessageTooLarge { .. } => "message_too_large",
            Self::Handshake { .. } => "handshake",
            Self::Refused { .. } => "refused",
            Self::UnknownHost { .. } => "unknown_host",
            Self::NoGuests => "no_guests",
            Self::GuestsFull { .. } => "guests_full",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Denied { .. } => "denied",
            Self::Unproven { .. } => "unproven",
            Self::WrongDirection { .. } => "wrong_direction",
            Self::WrongNode { .. } => "wrong_node",
            Self::Protocol(_) => "protocol",
            Self::Silent { .. } => "silent",
            Self::Closed { .. } => "closed",
            Self::Io(_) => "io",
            Self::Replaced { .. } => "replaced",
            Self::StaleDial { .. } => "stale_dial",
            Self::NameTaken { .. } => "name_taken",
            Self::Crowded { .. } => "crowded",
            Self::CallDropped => "call_dropped",
            Self::StreamSilent { .. } => "stream_silent",
            Self::CallOver => "call_over",
            Self::Panicked { .. } => "panicked",
            Self::RuntimeGone => "runtime_gone",
            Self::Removed { .. } => "removed",
            Self::ShutDown => "shut_down",
        }
    }

    /// The texts of this error and of all its sources, separated by colons.
    pub fn full_text(&self) -> impl fmt::Display + '_ {
        Chain(self)
    }
}

/// An I/O error while a byte stream is opened becomes [`LinkError::Connect`].
impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::connect(error)
    }
}

impl PartialEq for LinkError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && Chain(self).to_string() == Chain(other).to_string()
    }
}

impl Eq for LinkError {}

/// Formats an error with all its sources.
struct Chain<'a>(&'a LinkError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let part = error.to_string();
            // Some libraries repeat the source in the text.
            if !text.ends_with(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            source = error.source();
        }
        f.write_str(&text)
    }
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn replaced(by: Option<&str>) -> String {
    match by {
        None => "the peer has opened a new connection".to_owned(),
        Some(by) => format!("another process has connected under the peer's name: {by}"),
    }
}

/// What a node says that is not believed, after another text.
fn unproven(refused: Option<&str>) -> String {
    refused.map(|text| format!("; it refused this node: {text}")).unwrap_or_default()
}

fn semicolon(text: Option<&str>) -> String {
    text.map(|text| format!("; {text}")).unwrap_or_default()
}

/// Names the setting that is a limit.
fn knob(setting: Option<&str>) -> String {
    setting.map(|setting| format!(" (`Config::{setting}`)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_text_has_every_source_once() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens");
        let error = LinkError::from(refused());
        assert_eq!(error.to_string(), "cannot connect");
        assert_eq!(error.full_text().to_string(), "cannot connect: nobody listens");
        assert_eq!(error, LinkError::connect(refused()));
        assert_ne!(error, LinkError::tls(refused()));
        let repeated = LinkError::tls(LinkError::Panicked { text: "cannot connect".into() });
        assert_eq!(
            repeated.full_text().to_string(),
            "no TLS: the application's code panicked: cannot connect"
        );
    }
}
