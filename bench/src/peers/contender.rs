//! What every contender implements: two small traits. A method costs nothing but the future that it returns.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::cell::Small;
use crate::clock::Tally;
use crate::error::{Error, Result};

/// One library, or one way of using it.
pub(crate) trait Contender {
    type Client: Client;

    /// Starts a server on `listener`. `peer` is where the client listens, for those that connect both ways.
    async fn serve(listener: TcpListener, peer: SocketAddr) -> Result<()>;

    /// Connects to the server at `peer`, once. `listener` is for those that connect both ways.
    async fn connect(listener: TcpListener, peer: SocketAddr) -> Result<Self::Client>;
}

/// A client over one connection. What a contender cannot do is an error; [`Name::can`](crate::cell::Name::can) says so first.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// An echo of bytes; gives the length of the answer.
    fn echo(&self, payload: Bytes) -> impl Future<Output = Result<usize>> + Send;

    /// An echo of a struct.
    fn small(&self, _small: Small) -> impl Future<Output = Result<Small>> + Send {
        async { Err("no structs here".into()) }
    }

    /// One stream from the server, for as long as the tally wants more.
    fn stream(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("no streams here".into()) }
    }

    /// One stream to the server and back, for as long as the tally wants more. A task of its own sends.
    fn two_way(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("no two-way streams here".into()) }
    }
}

/// What a stream says when it ends before it was told to.
pub(crate) fn ended() -> Error {
    "the stream has ended".into()
}

/// Anywhere on this machine.
pub(crate) async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
