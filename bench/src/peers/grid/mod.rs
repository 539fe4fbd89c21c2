//! This project: through the macro, and at the byte level. `observed.rs` and `watched.rs` measure what observing costs.

mod observed;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::grid::rustls::pki_types::pem::PemObject as _;
use ::grid::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ::grid::rustls::{ClientConfig, RootCertStore, ServerConfig};
use ::grid::{Builder, Capacities, Connection, Incoming, Manager, Outgoing, RemoteError, Tls};
use bytes::Bytes;

pub(crate) use self::observed::Observed;
pub(crate) use self::watched::{Administered, Bare, Watched};
use super::certificate;
use super::contender::{Client, Contender, Listener, ended};
use crate::cell::{SMALL_BYTES, Small, payload};
use crate::clock::Tally;
use crate::error::Result;

/// Streams whose bytes are limited by the library's own windows.
const OUT: Capacities = Capacities { incoming: 0, outgoing: Capacities::BYTES_ONLY };
const TWO_WAYS: Capacities =
    Capacities { incoming: Capacities::BYTES_ONLY, outgoing: Capacities::BYTES_ONLY };

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
    async fn stream(&self, out: Outgoing<Bytes>) -> Result<(), RemoteError>;
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

/// TLS 1.3 with the certificate of this process.
fn tls() -> Result<Tls> {
    let certificate = CertificateDer::from_pem_slice(certificate::certificate().as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(certificate::key().as_bytes())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate], key)?;
    Ok(Tls::with_configs(Arc::new(client), Some(Arc::new(server))))
}

/// Starts a node with the handlers of both levels and `peers` in its host list.
pub(crate) fn start(listener: Listener, peers: &[SocketAddr]) -> Result<Manager> {
    start_as(listener, peers, name, |builder| builder)
}

fn start_as(
    listener: Listener,
    peers: &[SocketAddr],
    name: fn(SocketAddr) -> String,
    configure: impl FnOnce(Builder) -> Builder,
) -> Result<Manager> {
    let Listener { socket, address: own } = listener;
    let manager = configure(Manager::builder(name(own)))
        .hosts(peers.iter().chain([&own]).map(|&address| name(address)))
        .token(grid::NoAuth)
        .service(BenchServer::new(Handlers))
        .single_handler(ECHO, None, |_, payload| async move { Ok(payload) })
        .stream_handler(STREAM, None, OUT, |_, _, _, mut out| async move {
            loop {
                out.send(payload(SMALL_BYTES)).await?;
            }
        })
        .stream_handler(TWO_WAY, None, TWO_WAYS, |_, _, mut input, mut out| async move {
            while let Some(Ok(item)) = input.next().await {
                out.send(item).await?;
            }
            Ok(())
        })
        .build()?;
    tokio::spawn({
        let manager = manager.clone();
        async move { manager.serve(socket).await }
    });
    Ok(manager)
}

/// Waits for the connection to the node of this name. The own node is kept alive by its task that accepts connections.
async fn connected(node: &Manager, peer: &str) -> Result<Connection> {
    let connection = node.connection(peer)?;
    connection.wait_connected(CONNECT).await?;
    Ok(connection)
}

/// How the nodes of a contender are started, whose calls go through the macro.
pub(crate) trait Start {
    /// Starts a node with one other in its host list.
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager>;

    /// The name of the node at an address.
    fn name(address: SocketAddr) -> String {
        name(address)
    }
}

impl<S: Start> Contender for S {
    type Client = BenchClient;

    async fn serve(listener: Listener, peer: SocketAddr) -> Result<()> {
        S::start(listener, peer).await.map(drop)
    }

    async fn connect(listener: Listener, peer: SocketAddr) -> Result<BenchClient> {
        let node = S::start(listener, peer).await?;
        Ok(BenchClient::new(connected(&node, &S::name(peer)).await?))
    }
}

/// Calls without anything else.
pub(crate) struct Typed;

impl Start for Typed {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        start(listener, &[peer])
    }
}

/// Calls over TLS.
pub(crate) struct OverTls;

impl Start for OverTls {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        let tls = tls()?;
        start_as(listener, &[peer], Self::name, |builder| builder.tls(tls))
    }

    fn name(address: SocketAddr) -> String {
        format!("https://{address}")
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

    async fn paced_stream(&self, tally: Tally, pause: Duration) -> Result<()> {
        let mut items = Self::stream(self).await?;
        while !tally.is_over() {
            items.next().await.ok_or_else(ended)??;
            tokio::time::sleep(pause).await;
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

    async fn serve(listener: Listener, peer: SocketAddr) -> Result<()> {
        start(listener, &[peer]).map(drop)
    }

    async fn connect(listener: Listener, peer: SocketAddr) -> Result<Raw> {
        let node = start(listener, &[peer])?;
        Ok(Raw(connected(&node, &name(peer)).await?))
    }
}

impl Client for Raw {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        let answer = self.0.request(ECHO, Some(payload)).await?;
        Ok(answer.map_or(0, |answer| answer.len()))
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let (_, mut items) = self.0.stream(STREAM, OUT, None).await?;
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let (mut requests, mut items) = self.0.stream(TWO_WAY, TWO_WAYS, None).await?;
        tokio::spawn(async move { while requests.send(payload(SMALL_BYTES)).await.is_ok() {} });
        while tally.one() {
            items.next().await.ok_or_else(ended)??;
        }
        Ok(())
    }
}
