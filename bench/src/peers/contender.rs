//! The two traits of contenders. Their methods are static, so that they cost no more than the future that they return.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::cell::Small;
use crate::clock::Tally;
use crate::error::{Error, Result};

/// A library, or one way to use it.
pub(crate) trait Contender {
    type Client: Client;

    /// Starts a server on `listener`. `peer` is the client's address, for contenders that may dial either way.
    async fn serve(listener: Listener, peer: SocketAddr) -> Result<()>;

    /// Opens one connection to the server at `peer`. `listener` is for contenders that may dial either way.
    async fn connect(listener: Listener, peer: SocketAddr) -> Result<Self::Client>;
}

/// A client over one connection. A method that the contender does not support returns an error;
/// [`Name::can`](crate::cell::Name::can) tells which it supports.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// Calls an echo of bytes and returns the length of the answer.
    fn echo(&self, payload: Bytes) -> impl Future<Output = Result<usize>> + Send;

    /// Calls an echo of a struct.
    fn small(&self, _small: Small) -> impl Future<Output = Result<Small>> + Send {
        async { Err("structs are not supported".into()) }
    }

    /// Reads one stream from the server until the measurement is over.
    fn stream(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("streams are not supported".into()) }
    }

    /// Reads one stream from the server with a pause after each item, until the measurement is over.
    fn paced_stream(
        &self,
        _tally: Tally,
        _pause: Duration,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err("streams with pauses are not supported".into()) }
    }

    /// Reads one stream that the server echoes, until the measurement is over. A separate task sends.
    fn two_way(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("two-way streams are not supported".into()) }
    }
}

/// The error of a stream that ends before the measurement is over.
pub(crate) fn ended() -> Error {
    "the stream has ended".into()
}

/// A port that accepts connections.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// Where others reach it. It is not the address of the socket if there is a line in between.
    pub(crate) address: SocketAddr,
}

/// Binds a free port on the loopback interface.
pub(crate) async fn listen() -> Result<Listener> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, address })
}
