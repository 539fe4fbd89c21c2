//! This project: through the macro, and at the byte level.

use std::net::SocketAddr;
use std::time::Duration;

use ::grid::{Capacities, Connection, Incoming, Manager, Outgoing, RemoteError};
use bytes::Bytes;
use tokio::net::TcpListener;

use super::contender::{Client, Contender, ended};
use crate::cell::{SMALL_BYTES, Small, payload};
use crate::clock::Tally;
use crate::error::Result;

/// Capacity of the stream from the server: two MiB of items, the same as the window that tonic is configured with.
const CAPACITY: u32 = 4096;

/// Capacity of the two-way stream in each direction. Four times as many items were slower.
const TWO_WAY_CAPACITY: u32 = 1024;

/// Ids of the handlers at the byte level.
const ECHO: u8 = 1;
const STREAM: u8 = 2;
const TWO_WAY: u8 = 3;

/// Time-out for connecting. Covers a second attempt, because the first may be too early.
const CONNECT: Duration = Duration::from_secs(10);

#[::grid::service]
pub(crate) trait Bench {
    async fn echo(&self, payload: Bytes) -> Bytes;
    async fn small(&self, small: Small) -> Small;
    #[handler(outgoing = 4096)]
    async fn stream(&self, out: Outgoing<Bytes>) -> Result<(), RemoteError>;
    #[handler(incoming = 1024, outgoing = 1024)]
    async fn two_way(
        &self,
        input: Incoming<Bytes>,
        out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError>;
}

pub(crate) struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, payload: Bytes) -> Bytes {
        payload
    }

    async fn small(&self, small: Small) -> Small {
        small
    }

    async fn stream(&self, mut out: Outgoing<Bytes>) -> Result<(), RemoteError> {
        loop {
            out.send(payload(SMALL_BYTES)).await?;
        }
    }

    async fn two_way(
        &self,
        mut input: Incoming<Bytes>,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError> {
        while let Some(item) = input.next().await {
            out.send(item?).await?;
        }
        Ok(())
    }
}

/// The name of the node at an address.
pub(crate) fn name(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Starts a node with the handlers of both levels and `peers` in its host list.
pub(crate) fn start(listener: TcpListener, peers: &[SocketAddr]) -> Result<Manager> {
    let own = listener.local_addr()?;
    let capacities = |incoming, outgoing| Capacities { incoming, outgoing };
    let manager = Manager::builder(name(own))
        .hosts(peers.iter().chain([&own]).map(|&address| name(address)))
        .token(grid::NoAuth)
        .service(BenchServer::new(Handlers))
        .single_handler(ECHO, None, |_, payload| async move { Ok(payload) })
        .stream_handler(STREAM, None, capacities(0, CAPACITY), |_, _, _, mut out| async move {
            loop {
                out.send(payload(SMALL_BYTES)).await?;
            }
        })
        .stream_handler(
            TWO_WAY,
            None,
            capacities(TWO_WAY_CAPACITY, TWO_WAY_CAPACITY),
            |_, _, mut input, mut out| async move {
                while let Some(Ok(item)) = input.next().await {
                    out.send(item).await?;
                }
                Ok(())
            },
        )
        .build()?;
    tokio::spawn({
        let manager = manager.clone();
        async move { manager.serve(listener).await }
    });
    Ok(manager)
}

/// Connects to a peer. The node is kept alive by its task that accepts connections.
async fn connect(listener: TcpListener, peer: SocketAddr) -> Result<Connection> {
    let connection = start(listener, &[peer])?.connection(&name(peer))?;
    connection.wait_connected(CONNECT).await?;
    Ok(connection)
}

/// Calls through the macro.
pub(crate) struct Typed;

impl Contender for Typed {
    type Client = BenchClient;

    async fn serve(listener: TcpListener, peer: SocketAddr) -> Result<()> {
        start(listener, &[peer]).map(drop)
    }

    async fn connect(listener: TcpListener, peer: SocketAddr) -> Result<BenchClient> {
        Ok(BenchClient::new(connect(listener, peer).await?))
    }
}

impl Client for BenchClient {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        Ok(Self::echo(self, payload).await?.len())
    }

    async fn small(&self, small: Small) -> Result<Small> {
        Ok(Self::small(self, small).await?)
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let mut items = Self::stream(self).await?;
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let (mut requests, mut items) = Self::two_way(self).await?;
        tokio::spawn(async move { while requests.send(payload(SMALL_BYTES)).await.is_ok() {} });
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }
}

/// Calls at the byte level.
pub(crate) struct ByteLevel;

/// A connection, used at the byte level.
#[derive(Clone)]
pub(crate) struct Raw(Connection);

impl Contender for ByteLevel {
    type Client = Raw;

    async fn serve(listener: TcpListener, peer: SocketAddr) -> Result<()> {
        start(listener, &[peer]).map(drop)
    }

    async fn connect(listener: TcpListener, peer: SocketAddr) -> Result<Raw> {
        Ok(Raw(connect(listener, peer).await?))
    }
}

impl Client for Raw {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        let answer = self.0.request(ECHO, Some(payload)).await?;
        Ok(answer.map_or(0, |answer| answer.len()))
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let capacities = Capacities { incoming: 0, outgoing: CAPACITY };
        let (_, mut items) = self.0.stream(STREAM, capacities, None).await?;
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let capacities = Capacities { incoming: TWO_WAY_CAPACITY, outgoing: TWO_WAY_CAPACITY };
        let (mut requests, mut items) = self.0.stream(TWO_WAY, capacities, None).await?;
        tokio::spawn(async move { while requests.send(payload(SMALL_BYTES)).await.is_ok() {} });
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }
}
