//! A listener whose connections and their addresses are scripted.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::io;
use std::net::SocketAddr;

use grid::{Accepted, Dial, Dialing, Io, Listen, Manager};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::support::{A, B, sides};

/// Bytes that a connection holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// The listener.
pub(crate) struct ScriptedListener(mpsc::UnboundedReceiver<Accepted>);

/// Opens connections to a [`ScriptedListener`], from one address.
#[derive(Clone)]
pub(crate) struct Route {
    listener: mpsc::UnboundedSender<Accepted>,
    pub(crate) address: SocketAddr,
}

/// A listener, and how to reach it.
pub(crate) fn scripted_listener() -> (ScriptedListener, Route) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    (ScriptedListener(receiver), Route { listener: sender, address })
}

impl Route {
    /// The same listener, reached from another address.
    pub(crate) fn from(&self, host: [u8; 4]) -> Self {
        Self { address: SocketAddr::from((host, 1)), ..self.clone() }
    }

    /// Opens a connection.
    pub(crate) fn open(&self) -> DuplexStream {
        let (near, far) = duplex(PIPE_BYTES);
        // The connection is refused if the listener is gone.
        let _ = self.listener.send(Accepted::new(far).with_address(self.address));
        near
    }
}

impl Dial for Route {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.open();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

impl Listen for ScriptedListener {
    fn local_addr(&self) -> io::Result<String> {
        Ok("listener".to_owned())
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some(accepted) => Ok(accepted),
            None => std::future::pending().await,
        }
    }
}

/// A listening node, how to reach it, and the name of the node that may dial it.
pub(crate) fn listening() -> (Manager, Route, &'static str) {
    let (dialer, listener) = sides();
    let (incoming, route) = scripted_listener();
    let manager = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    tokio::spawn(manager.serve(incoming));
    (manager, route, dialer)
}
