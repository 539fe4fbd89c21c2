//! tarpc over TCP with bincode. It has no streams.

use std::net::SocketAddr;

use ::tarpc::server::{BaseChannel, Channel};
use ::tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use ::tarpc::{client, context, serde_transport};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tarpc::tokio_serde::formats::Bincode;
use tokio::net::TcpStream;

use super::contender::{Client, Contender, Listener};
use crate::cell::{BULK_BYTES, Small};
use crate::error::{Error, Result};

/// Maximum number of calls in flight. The default is 1000, of which 100 may wait to be sent.
const IN_FLIGHT_MAX: usize = 4096;

#[::tarpc::service]
pub(crate) trait Bench {
    async fn echo(payload: Bytes) -> Bytes;
    async fn small(small: Small) -> Small;
}

#[derive(Clone)]
struct Handlers;

impl Bench for Handlers {
    async fn echo(self, _: context::Context, payload: Bytes) -> Bytes {
        payload
    }

    async fn small(self, _: context::Context, small: Small) -> Small {
        small
    }
}

type Transport<Item, SinkItem> =
    serde_transport::Transport<TcpStream, Item, SinkItem, Bincode<Item, SinkItem>>;

fn transport<Item, SinkItem>(stream: TcpStream) -> Result<Transport<Item, SinkItem>>
where
    Item: for<'de> Deserialize<'de>,
    SinkItem: Serialize,
{
    stream.set_nodelay(true)?;
    let codec = LengthDelimitedCodec::builder().max_frame_length(2 * BULK_BYTES).new_codec();
    Ok(serde_transport::new(Framed::new(stream, codec), Bincode::default()))
}

pub(crate) struct Tarpc;

impl Contender for Tarpc {
    type Client = BenchClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        tokio::spawn(async move {
            let (stream, _) = listener.socket.accept().await?;
            BaseChannel::with_defaults(transport(stream)?)
                .execute(Handlers.serve())
                .for_each(async |request| drop(tokio::spawn(request)))
                .await;
            Ok::<_, Error>(())
        });
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<BenchClient> {
        let mut config = client::Config::default();
        config.max_in_flight_requests = IN_FLIGHT_MAX;
        config.pending_request_buffer = IN_FLIGHT_MAX;
        let stream = TcpStream::connect(peer).await?;
        Ok(BenchClient::new(config, transport(stream)?).spawn())
    }
}

impl Client for BenchClient {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        Ok(Self::echo(self, context::current(), payload).await?.len())
    }

    async fn small(&self, small: Small) -> Result<Small> {
        Ok(Self::small(self, context::current(), small).await?)
    }
}
