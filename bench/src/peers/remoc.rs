//! remoc's remote traits over TCP, with its default codec.

use std::net::SocketAddr;
use std::sync::Arc;

use ::remoc::prelude::*;
use ::remoc::rtc::CallError;
use bytes::Bytes;
use tokio::net::TcpStream;

use super::contender::{Client, Contender, Listener, ended};
use crate::cell::{SMALL_BYTES, Small, payload};
use crate::clock::Tally;
use crate::error::{Error, Result};

type Items = rch::mpsc::Receiver<Bytes>;

#[rtc::remote]
pub(crate) trait Bench: Sync {
    async fn echo(&self, payload: Bytes) -> Result<Bytes, CallError>;
    async fn small(&self, small: Small) -> Result<Small, CallError>;
    async fn stream(&self) -> Result<Items, CallError>;
    async fn two_way(&self, input: Items) -> Result<Items, CallError>;
}

struct Handlers;

impl Bench for Handlers {
    async fn echo(&self, payload: Bytes) -> Result<Bytes, CallError> {
        Ok(payload)
    }

    async fn small(&self, small: Small) -> Result<Small, CallError> {
        Ok(small)
    }

    async fn stream(&self) -> Result<Items, CallError> {
        let (sender, receiver) = rch::mpsc::channel();
        tokio::spawn(async move { while sender.send(payload(SMALL_BYTES)).await.is_ok() {} });
        Ok(receiver)
    }

    async fn two_way(&self, mut input: Items) -> Result<Items, CallError> {
        let (sender, receiver) = rch::mpsc::channel();
        tokio::spawn(async move {
            while let Ok(Some(item)) = input.recv().await {
                if sender.send(item).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }
}

pub(crate) struct Remoc;

impl Contender for Remoc {
    type Client = BenchClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        tokio::spawn(async move {
            let (stream, _) = listener.socket.accept().await?;
            stream.set_nodelay(true)?;
            let (read, write) = stream.into_split();
            let (server, client) =
                BenchServerShared::<_, ::remoc::codec::Default>::new(Arc::new(Handlers));
            ::remoc::Connect::io(::remoc::Cfg::default(), read, write).provide(client).await?;
            server.serve().await.map_err(|error| error.to_string())?;
            Ok::<_, Error>(())
        });
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<BenchClient> {
        let stream = TcpStream::connect(peer).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(::remoc::Connect::io(::remoc::Cfg::default(), read, write).consume().await?)
    }
}

impl Client for BenchClient {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        Ok(Bench::echo(self, payload).await?.len())
    }

    async fn small(&self, small: Small) -> Result<Small> {
        Ok(Bench::small(self, small).await?)
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let mut items = Bench::stream(self).await?;
        while tally.one() {
            items.recv().await?.ok_or_else(ended)?;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let (sender, input) = rch::mpsc::channel();
        let mut items = Bench::two_way(self, input).await?;
        tokio::spawn(async move { while sender.send(payload(SMALL_BYTES)).await.is_ok() {} });
        while tally.one() {
            items.recv().await?.ok_or_else(ended)?;
        }
        Ok(())
    }
}
