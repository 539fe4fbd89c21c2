//! Seats for several nodes in one process: listeners on free ports of this machine, and the names that go with them.

use std::io;

use tokio::net::TcpListener;

/// A port that is kept for one node, so that the node can stop and start again without anybody else taking it.
#[derive(Debug)]
pub struct Seat {
    name: String,
    listener: std::net::TcpListener,
}

impl Seat {
    /// Takes so many free ports.
    ///
    /// # Errors
    /// Those of the sockets.
    pub fn take(count: usize) -> io::Result<Vec<Self>> {
        (0..count)
            .map(|_| {
                let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
                listener.set_nonblocking(true)?;
                Ok(Self { name: format!("http://{}", listener.local_addr()?), listener })
            })
            .collect()
    }

    /// The name of the node that sits here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A listener for [`Manager::serve`](grid::Manager::serve). Connections that come while there is none wait for the
    /// next one.
    ///
    /// # Errors
    /// Those of the sockets.
    pub fn listener(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.listener.try_clone()?)
    }
}
