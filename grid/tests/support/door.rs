//! A listener whose connections and their addresses are scripted.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::io;
use std::net::SocketAddr;

use grid::{Accepted, Dial, Dialing, Io, Listen};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// Bytes that a connection holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// The listener.
pub(crate) struct Door(mpsc::UnboundedReceiver<Accepted>);

/// Opens connections to a [`Door`], from one address.
#[derive(Clone)]
pub(crate) struct Street {
    door: mpsc::UnboundedSender<Accepted>,
    pub(crate) address: SocketAddr,
}

/// A listener, and how to reach it.
pub(crate) fn door() -> (Door, Street) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    (Door(receiver), Street { door: sender, address })
}

impl Street {
    /// The same listener, reached from another address.
    pub(crate) fn from(&self, host: [u8; 4]) -> Self {
        Self { address: SocketAddr::from((host, 1)), ..self.clone() }
    }

    /// Opens a connection.
    pub(crate) fn knock(&self) -> DuplexStream {
        let (near, far) = duplex(PIPE_BYTES);
        // The connection is refused if the listener is gone.
        let _ = self.door.send(Accepted::new(far).with_address(self.address));
        near
    }
}

impl Dial for Street {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.knock();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

impl Listen for Door {
    fn local_addr(&self) -> io::Result<String> {
        Ok("door".to_owned())
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some(accepted) => Ok(accepted),
            None => std::future::pending().await,
        }
    }
}
