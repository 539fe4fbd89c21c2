//! An upper bound: one message over TCP and back, without ids, tasks or allocations.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::contender::{Client, Contender};
use crate::cell::SMALL_BYTES;
use crate::error::{Error, Result};

pub(crate) struct Pingpong;

impl Contender for Pingpong {
    type Client = Arc<Mutex<TcpStream>>;

    async fn serve(listener: TcpListener, _: SocketAddr) -> Result<()> {
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let mut message = [0; SMALL_BYTES];
            loop {
                stream.read_exact(&mut message).await?;
                stream.write_all(&message).await?;
            }
            #[expect(unreachable_code, reason = "it gives the task its type")]
            Ok::<_, Error>(())
        });
        Ok(())
    }

    async fn connect(_: TcpListener, peer: SocketAddr) -> Result<Self::Client> {
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
}
