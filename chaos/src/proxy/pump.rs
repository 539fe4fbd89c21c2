//! Carries the bytes of one direction of a connection, with its faults.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::conditions::Conditions;
use super::connection::Connection;
use super::frames::Frames;
use super::hit::{Blow, Damage};
use crate::clock::Moment;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Chunks under way: with a delay, a MiB. A longer line would be a larger buffer of the kernel's.
const CHUNKS: usize = 64;

/// Before a reset, so that the other end has read what was sent.
const BEFORE_RESET: Duration = Duration::from_millis(5);

/// Bytes, and when they arrive.
type Chunk = (Instant, Bytes);

/// Carries bytes until the sender has closed its end.
pub(super) async fn run(
    connection: &Connection,
    way: usize,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    conditions: watch::Receiver<Conditions>,
) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let reading = read(connection, way, from, sender, conditions.clone());
    let writing = async {
        write(connection, way, to, receiver, conditions).await;
        if !connection.has_swallowed(way) {
            // Fails if the other end has closed as well.
            let _ = to.shutdown().await;
        }
    };
    tokio::join!(reading, writing);
}

async fn read(
    connection: &Connection,
    way: usize,
    from: &mut OwnedReadHalf,
    chunks: mpsc::Sender<Chunk>,
    mut conditions: watch::Receiver<Conditions>,
) {
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        match from.read_buf(&mut chunk).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) => {
                // The sender has reset its end. The other one does not hear of it where nothing passes.
                if !connection.has_swallowed(way) {
                    connection.reset();
                }
                return;
            }
        }
        let Ok(now) = conditions.wait_for(|now| !now.is_stalled).await.map(|now| *now) else {
            return;
        };
        if now.swallows[way] {
            connection.swallow(way);
        }
        if !connection.has_swallowed(way)
            && chunks.send((Instant::now() + now.delay, chunk.freeze())).await.is_err()
        {
            return;
        }
    }
}

async fn write(
    connection: &Connection,
    way: usize,
    to: &mut OwnedWriteHalf,
    mut chunks: mpsc::Receiver<Chunk>,
    conditions: watch::Receiver<Conditions>,
) {
    let mut frames = Frames::default();
    let mut is_open = true;
    while let Some((due, chunk)) = chunks.recv().await {
        sleep_until(due).await;
        let blow = connection.hit(way).and_then(|hit| hit.place(&frames, &chunk));
        frames.advance(&chunk);
        let sent = match blow {
            // If the end has closed, the other direction notices; what is left is discarded.
            _ if !is_open => Ok(()),
            None => send(to, &chunk, &conditions).await,
            Some(Blow::Flip { byte, bit, at }) => {
                let mut damaged = chunk.to_vec();
                damaged[byte] ^= 1 << bit;
                let what = format!("bit {bit} of {:02x} in {at:?} of direction {way}", chunk[byte]);
                connection.done(Damage { at: Moment::now(), what });
                send(to, &damaged, &conditions).await
            }
            Some(Blow::ResetAfter(bytes)) => {
                let _ = send(to, &chunk[..bytes], &conditions).await;
                sleep(BEFORE_RESET).await;
                let what = format!("reset after {bytes} bytes of a chunk in direction {way}");
                connection.done(Damage { at: Moment::now(), what });
                connection.reset();
                return;
            }
        };
        is_open &= sent.is_ok();
    }
}

/// Sends bytes as fast as the link carries them.
async fn send(
    to: &mut OwnedWriteHalf,
    mut bytes: &[u8],
    conditions: &watch::Receiver<Conditions>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let piece = conditions.borrow().piece(bytes.len());
        let (now, later) = bytes.split_at(piece.bytes);
        for segment in now.chunks(piece.write) {
            to.write_all(segment).await?;
        }
        if !piece.pause.is_zero() {
            sleep(piece.pause).await;
        }
        bytes = later;
    }
    Ok(())
}
