//! Addresses for several nodes in one process: listeners on free loopback ports, and the nodes' names that contain
//! them.

use std::io;

use tokio::net::TcpListener;

/// A port that is reserved for one node, so that the node can stop and start again on the same port.
#[derive(Debug)]
pub struct Seat {
    name: String,
    listener: std::net::TcpListener,
}

impl Seat {
    /// Reserves this many free ports.
    ///
    /// # Errors
    /// Fails if a socket cannot be bound or cloned.
    pub fn take(count: usize) -> io::Result<Vec<Self>> {
        (0..count)
            .map(|_| {
                let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
                listener.set_nonblocking(true)?;
                Ok(Self { name: format!("http://{}", listener.local_addr()?), listener })
            })
            .collect()
    }

    /// The name of the node with this port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a listener for [`Manager::serve`](grid::Manager::serve). Connections that arrive while no node accepts
    /// them wait for the next one that does.
    ///
    /// # Errors
    /// Fails if a socket cannot be bound or cloned.
    pub fn listener(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.listener.try_clone()?)
    }
}
