//! An upper bound: a bare multiplexer on TCP. Frames with a length and an id, two tasks per end and a task per request.
//! No deadlines, no cancellation, no flow control but TCP's, and no protection from a hostile peer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use slab::Slab;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::contender::{Client, Contender, Listener, ended};
use crate::cell::{SMALL_BYTES, payload};
use crate::clock::Tally;
use crate::error::Result;

/// How many frames may wait for the socket, and how many items for a reader.
const QUEUE: usize = 1024;

/// Bytes of output that are collected before they are written.
const WRITE_BYTES: usize = 64 * 1024;

/// Bytes before a payload: length, kind, id.
const HEADER: usize = 4 + 1 + 8;

const CALL: u8 = 0;
/// Requests items until the connection ends.
const STREAM: u8 = 1;
/// An item of a stream. The server returns it.
const ITEM: u8 = 2;

struct Frame {
    kind: u8,
    id: u64,
    payload: Bytes,
}

async fn write(mut socket: OwnedWriteHalf, mut frames: mpsc::Receiver<Frame>) -> Result<()> {
    let mut out = BytesMut::new();
    let mut batch = Vec::new();
    while frames.recv_many(&mut batch, QUEUE).await > 0 {
        for Frame { kind, id, payload } in batch.drain(..) {
            out.put_u32_le((HEADER + payload.len()) as u32);
            out.put_u8(kind);
            out.put_u64_le(id);
            out.put_slice(&payload);
            if out.len() >= WRITE_BYTES {
                socket.write_all(&out).await?;
                out.clear();
            }
        }
        socket.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

struct Reader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
}

impl Reader {
    async fn next(&mut self) -> Result<Frame> {
        loop {
            let len =
                self.buffer.first_chunk().map_or(HEADER, |len| u32::from_le_bytes(*len) as usize);
            if self.buffer.len() >= len {
                let mut payload = self.buffer.split_to(len).freeze();
                payload.advance(4);
                let (kind, id) = (payload.get_u8(), payload.get_u64_le());
                return Ok(Frame { kind, id, payload });
            }
            self.buffer.reserve(WRITE_BYTES.max(len - self.buffer.len()));
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(ended());
            }
        }
    }
}

/// Starts the writer of a connection.
fn split(stream: TcpStream) -> Result<(Reader, mpsc::Sender<Frame>)> {
    stream.set_nodelay(true)?;
    let (socket, write_half) = stream.into_split();
    let (sender, frames) = mpsc::channel(QUEUE);
    tokio::spawn(write(write_half, frames));
    Ok((Reader { socket, buffer: BytesMut::new() }, sender))
}

async fn serve(stream: TcpStream) -> Result<()> {
    let (mut reader, out) = split(stream)?;
    loop {
        let frame = reader.next().await?;
        let out_of_task = out.clone();
        match frame.kind {
            CALL => drop(tokio::spawn(async move { out_of_task.send(frame).await })),
            STREAM => drop(tokio::spawn(async move {
                let item = || Frame { kind: ITEM, id: frame.id, payload: payload(SMALL_BYTES) };
                while out_of_task.send(item()).await.is_ok() {}
            })),
            _ => out.send(frame).await?,
        }
    }
}

/// The receiver of an answer or of items.
enum Slot {
    Call(oneshot::Sender<Bytes>),
    Stream(mpsc::Sender<Bytes>),
}

type Slots = Arc<Mutex<Slab<Slot>>>;

async fn receive(mut reader: Reader, slots: Slots) -> Result<()> {
    loop {
        let Frame { kind, id, payload } = reader.next().await?;
        let stream = {
            let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
            if kind == CALL {
                if let Slot::Call(answer) = slots.remove(id as usize) {
                    // Cannot fail, because calls are not dropped here.
                    let _ = answer.send(payload);
                }
                continue;
            }
            match slots.get(id as usize) {
                Some(Slot::Stream(stream)) => stream.clone(),
                _ => continue,
            }
        };
        stream.send(payload).await?;
    }
}

#[derive(Clone)]
pub(crate) struct MuxClient {
    out: mpsc::Sender<Frame>,
    slots: Slots,
}

impl MuxClient {
    fn wait(&self, slot: Slot) -> u64 {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(slot) as u64
    }

    async fn open(&self) -> (u64, mpsc::Receiver<Bytes>) {
        let (sender, items) = mpsc::channel(QUEUE);
        (self.wait(Slot::Stream(sender)), items)
    }
}

pub(crate) struct Mux;

impl Contender for Mux {
    type Client = MuxClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        tokio::spawn(async move { serve(listener.socket.accept().await?.0).await });
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<MuxClient> {
        let (reader, out) = split(TcpStream::connect(peer).await?)?;
        let slots = Slots::default();
        tokio::spawn(receive(reader, Arc::clone(&slots)));
        Ok(MuxClient { out, slots })
    }
}

impl Client for MuxClient {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        let (sender, answer) = oneshot::channel();
        let id = self.wait(Slot::Call(sender));
        self.out.send(Frame { kind: CALL, id, payload }).await?;
        Ok(answer.await?.len())
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let (id, mut items) = self.open().await;
        self.out.send(Frame { kind: STREAM, id, payload: Bytes::new() }).await?;
        while tally.one() {
            items.recv().await.ok_or_else(ended)?;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let (id, mut items) = self.open().await;
        let out = self.out.clone();
        tokio::spawn(async move {
            let item = || Frame { kind: ITEM, id, payload: payload(SMALL_BYTES) };
            while out.send(item()).await.is_ok() {}
        });
        while tally.one() {
            items.recv().await.ok_or_else(ended)?;
        }
        Ok(())
    }
}
