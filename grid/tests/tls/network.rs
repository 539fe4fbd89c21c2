//! Two nodes whose connections are in memory, with TLS on top of them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use grid::{Accepted, Builder, Dial, Dialing, Io, Listen, Manager, Tls};
use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::Level;

use crate::log::Lines;
use crate::pki::{Ca, Folder};

const A: &str = "https://a:1";
const B: &str = "https://b:1";

/// The hosts of the node that dials, and of the one that is dialed.
pub(crate) fn hosts() -> (&'static str, &'static str) {
    if grid::dials(A, B) { ("a", "b") } else { ("b", "a") }
}

/// The names of both, likewise.
pub(crate) fn names() -> (&'static str, &'static str) {
    if grid::dials(A, B) { (A, B) } else { (B, A) }
}

/// Accepts what is opened through its [`Route`].
pub(crate) struct Listener(mpsc::UnboundedReceiver<Accepted>);

/// Opens byte streams.
#[derive(Clone)]
pub(crate) struct Route(mpsc::UnboundedSender<Accepted>);

pub(crate) fn listener() -> (Listener, Route) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Listener(receiver), Route(sender))
}

impl Route {
    /// Opens a byte stream, before any TLS.
    pub(crate) fn open(&self) -> impl Io + use<> {
        let (near, far) = duplex(64 * 1024);
        let address = SocketAddr::from(([192, 0, 2, 1], 1));
        // Closed at once if the listener is gone.
        let _ = self.0.send(Accepted::new(far).with_address(address).before_tls());
        near
    }
}

impl Dial for Route {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.open();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

impl Listen for Listener {
    fn local_addr(&self) -> io::Result<String> {
        Ok("in memory".to_owned())
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some(accepted) => Ok(accepted),
            None => std::future::pending().await,
        }
    }
}

/// A CA, and a folder with certificates for both nodes.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) folder: Folder,
}

impl World {
    pub(crate) fn new(test: &str) -> Self {
        let (ca, folder) = (Ca::new("the CA of the grid"), Folder::new(test));
        folder.write("ca.pem", ca.pem());
        for host in ["a", "b"] {
            folder.pair(host, &ca.sign(host));
        }
        Self { ca, folder }
    }

    /// TLS of a node that listens and trusts the CA.
    pub(crate) fn server(&self, host: &str) -> Tls {
        let Self { folder, .. } = self;
        let certificate = folder.path(&format!("{host}.pem"));
        Tls::server(certificate, folder.path(&format!("{host}.key"))).ca(folder.path("ca.pem"))
    }

    /// Mutual TLS.
    pub(crate) fn mutual(&self, host: &str) -> Tls {
        let Self { folder, .. } = self;
        let certificate = folder.path(&format!("{host}.pem"));
        let key = folder.path(&format!("{host}.key"));
        Tls::mutual(folder.path("ca.pem"), certificate, key)
    }

    /// TLS of a node that only dials.
    pub(crate) fn client(&self) -> Tls {
        Tls::with_ca(self.folder.path("ca.pem"))
    }
}

/// A node of the grid, without TLS.
pub(crate) fn node(name: &str) -> Builder {
    Manager::builder(name).hosts([A, B]).token(grid::NoAuth)
}

/// Starts both nodes: the one that dials, and the one that listens.
pub(crate) fn start(
    dialer: impl FnOnce(Builder, Route) -> Builder,
    listener_side: impl FnOnce(Builder) -> Builder,
) -> (Manager, Manager) {
    let (incoming, route) = listener();
    let listening = listener_side(node(names().1)).build().unwrap();
    tokio::spawn(listening.serve(incoming));
    let dialing = dialer(node(names().0), route).build().unwrap();
    (dialing, listening)
}

/// Starts both nodes with these settings.
pub(crate) fn start_with(dialer: Tls, listening: Tls) -> (Manager, Manager) {
    start(|node, route| node.tls_over(dialer, route), |node| node.tls(listening))
}

/// Waits until the dialer is connected.
pub(crate) async fn connected(dialing: &Manager) {
    let connection = dialing.connection(names().1).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
}

/// Lets both nodes run for ten seconds, which must not connect them. Returns the lines with the reason: of the dialer, and
/// those of the listener.
pub(crate) async fn apart(dialing: &Manager) -> (String, Vec<String>) {
    let (lines, _guard) = Lines::collect();
    sleep(Duration::from_secs(10)).await;
    let state = dialing.connection(names().1).unwrap().state();
    assert!(!state.is_connected(), "{state}");
    let mut at_dialer = lines.with(Level::INFO, "cannot reach the peer");
    assert_eq!(at_dialer.len(), 1, "{at_dialer:#?}");
    (at_dialer.remove(0), lines.with(Level::INFO, "message=refused"))
}
