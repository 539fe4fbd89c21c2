//! An upper bound: one message over TCP and back, without ids, tasks or allocations; and a stream of items over TCP alone.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::contender::{Client, Contender, Listener};
use crate::cell::SMALL_BYTES;
use crate::clock::Tally;
use crate::error::{Error, Result};

/// The first byte of a message that asks for a stream. Other messages begin with another one.
const STREAM: u8 = 0xff;

/// Items that are written, and read, together.
const BLOCK_ITEMS: usize = 128;

pub(crate) struct Pingpong;

impl Contender for Pingpong {
    type Client = Arc<Mutex<TcpStream>>;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        tokio::spawn(async move {
            let (mut stream, _) = listener.socket.accept().await?;
            stream.set_nodelay(true)?;
            let mut message = [0; SMALL_BYTES];
            loop {
                stream.read_exact(&mut message).await?;
                if message[0] == STREAM {
                    break;
                }
                stream.write_all(&message).await?;
            }
            let items = vec![0; BLOCK_ITEMS * SMALL_BYTES];
            loop {
                stream.write_all(&items).await?;
            }
            #[expect(unreachable_code, reason = "it gives the task its type")]
            Ok::<_, Error>(())
        });
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<Self::Client> {
        let stream = TcpStream::connect(peer).await?;
        stream.set_nodelay(true)?;
        Ok(Arc::new(Mutex::new(stream)))
    }
}

impl Client for Arc<Mutex<TcpStream>> {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        let mut stream = self.lock().await;
        stream.write_all(&payload).await?;
        let mut message = [0; SMALL_BYTES];
        Ok(stream.read_exact(&mut message).await?)
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let mut stream = self.lock().await;
        stream.write_all(&[STREAM; SMALL_BYTES]).await?;
        let mut items = vec![0; BLOCK_ITEMS * SMALL_BYTES];
        loop {
            stream.read_exact(&mut items).await?;
            for _ in 0..BLOCK_ITEMS {
                if !tally.one() {
                    return Ok(());
                }
            }
        }
    }
}
