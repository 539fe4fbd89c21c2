//! The dialing side of a link: connect, upgrade, introduce; and when that fails, again.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::net::catch::caught;
use crate::net::drive::session::{drive, idle};
use crate::net::link::peer::Peer;
use crate::net::link::state::State;
use crate::net::node::handshake::{Established, introduce};
use crate::net::node::shared::Node;
use crate::net::transport::{self, WebSocket};

/// After a failed attempt the next one starts this long after it, at least and at most: at random in between, so that
/// the nodes of a grid do not all knock at a restarted one at once.
const RETRY: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(2);

/// A byte stream between two nodes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What [`Dial::dial`] gives.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Opens byte streams to other nodes. Plain TCP by default; TLS or anything else can be put in its place with
/// [`Builder::dial_with`](crate::Builder::dial_with).
pub trait Dial: Send + Sync + 'static {
    /// Connects to the node with this name, a URL such as `http://node1:9000`.
    ///
    /// # Errors
    /// What kept it from connecting; the text is shown with the peer's name.
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a>;
}

/// Dials over TCP.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let name = crate::net::node::name::Name::parse(name).map_err(io::Error::other)?;
            if name.is_secure() {
                return Err(io::Error::other(
                    "TLS is not built in: give the builder a dialer that speaks it",
                ));
            }
            let stream = TcpStream::connect((name.host(), name.port())).await?;
            tune(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

/// Bytes that a socket holds before it has begun to send them. What waits there cannot be overtaken, and what waits in the
/// outbox can; half a MiB and more gather where the system is left to choose.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Makes a socket quick: small packets go at once, and little waits in it.
pub(in crate::net) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A system that does not know the option is slower, and no worse.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    Ok(())
}

/// Keeps the link to a peer up, from the dialing side. Never ends.
pub(in crate::net) async fn keep_dialing(node: Arc<Node>, peer: Arc<Peer>) {
    loop {
        let started = Instant::now();
        // A reason stays visible while the next attempt is made.
        if *peer.state.borrow() == State::Unconnected {
            peer.show(State::Connecting);
        }
        let attempt = tokio::select! {
            // The user's dialer and tokens are in there; whatever they do, the peer is tried again.
            attempt = caught(attempt(&node, &peer)) => attempt.unwrap_or_else(Err),
            () = idle(&peer) => continue,
        };
        let (reason, was_up) = match attempt {
            Ok(mut up) => {
                let since = Instant::now();
                let transport = &mut up.transport;
                let driven = drive(&peer, up.session, up.instance, transport, pending());
                let reason = caught(driven).await.unwrap_or_else(|panic| panic);
                (reason, since.elapsed())
            }
            Err(reason) => {
                tracing::debug!(local = %node.name, peer = %peer.name, reason, "cannot connect");
                (reason, Duration::ZERO)
            }
        };
        peer.lock().link.set_down_reason(reason.clone());
        peer.show(State::Error(reason.into()));
        // A connection that lasted is dialed again at once; one that did not counts as a failed attempt.
        if was_up < RETRY.start {
            let next = started + rand::random_range(RETRY);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = idle(&peer) => {}
            }
        }
    }
}

async fn attempt(node: &Node, peer: &Peer) -> Result<Established<WebSocket<Box<dyn Io>>>, String> {
    let limit = node.config.connect_timeout;
    let transport = match tokio::time::timeout(limit, open(node, peer)).await {
        Ok(transport) => transport?,
        Err(_) => return Err(format!("no WebSocket within {limit:?}")),
    };
    let mut up = introduce(transport, &node.introduction(), &peer.name, &*node.auth).await?;
    up.transport.take_messages_of(node.config.message_bytes_max);
    Ok(up)
}

async fn open(node: &Node, peer: &Peer) -> Result<WebSocket<Box<dyn Io>>, String> {
    let stream = node.dial.dial(&peer.name).await.map_err(|error| error.to_string())?;
    let token = node.auth.token(&peer.name);
    let request = transport::Request {
        authority: peer.name.split_once("://").map_or(&*peer.name, |(_, authority)| authority),
        route: &node.config.route,
        token: &token,
        time_ns: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
    };
    transport::connect(stream, &request).await
}
