//! [`send`]: the leader's end of a snapshot.

use std::io;
use std::io::SeekFrom;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use grid::{CallError, CodecError, Raw, RemoteError, Requests, Responses, SendError};
use openraft::async_runtime::AsyncRuntime as _;
use openraft::errors::{ErrorSource as _, RPCError, StreamingError};
use openraft::network::RPCOption;
use openraft::raft::SnapshotResponse;
use openraft::type_config::alias::{AsyncRuntimeOf, SnapshotOf, VoteOf};
use openraft::{RPCTypes, RaftTypeConfig, StorageError};
use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{SnapshotData, SnapshotRate};
use crate::target::Target;
use crate::wire::{Header, Progress, decode, encode};

const INSTALL: RPCTypes = RPCTypes::InstallSnapshot;

/// Bytes of a chunk: more than what grid sends in the queue of small messages, so that heartbeats overtake it. Reading, sending
/// or writing more at once would occupy a CPU for longer.
const CHUNK_BYTES: usize = 128 << 10;

/// A snapshot on its way.
struct Transfer<'a, C: RaftTypeConfig, D> {
    to: &'a Target<C>,
    header: Header<C>,
    data: D,
    rate: &'a SnapshotRate,
    ttl: Duration,
    /// Where the last attempt has begun.
    from: Option<u64>,
}

/// Sends a snapshot, and returns when it is installed. Dropping the future cancels it.
pub(crate) async fn send<C: RaftTypeConfig, D: SnapshotData>(
    to: &Target<C>,
    vote: VoteOf<C>,
    snapshot: SnapshotOf<C, D>,
    rate: &SnapshotRate,
    option: &RPCOption,
) -> Result<SnapshotResponse<C>, StreamingError<C>> {
    let (meta, mut data, ttl) = (snapshot.meta, snapshot.snapshot, option.soft_ttl());
    let len = data.seek(SeekFrom::End(0)).await.map_err(unreadable)?;
    let ttl_ms = ttl.as_millis().try_into().unwrap_or(u64::MAX);
    // Of the runtime that the user has chosen: in a simulation it is seeded.
    let transfer = AsyncRuntimeOf::<C>::thread_rng().next_u64();
    let header = Header { transfer, vote, meta, len, ttl_ms };
    let mut transfer = Transfer { to, header, data, rate, ttl, from: None };
    loop {
        let before = transfer.from;
        match transfer.attempt().await {
            // The link was lost. Another attempt follows only if this one has begun further on than the last one, so that a
            // receiver that always fails at the same place is left to openraft.
            Err(lost @ StreamingError::Network(_)) if transfer.from > before => {
                let client = to.client()?;
                if client.connection().wait_connected(ttl).await.is_err() {
                    return Err(lost);
                }
            }
            done => return done,
        }
    }
}

impl<C: RaftTypeConfig, D: SnapshotData> Transfer<'_, C, D> {
    /// Sends what the receiver does not have.
    async fn attempt(&mut self) -> Result<SnapshotResponse<C>, StreamingError<C>> {
        let header = encode(&self.header);
        let header = header.map_err(|error| self.to.unencodable(INSTALL, error))?;
        let opening = self.to.client()?.install_snapshot(header);
        let (chunks, mut progress) = self.to.within(INSTALL, self.ttl, opening).await?;
        let from = loop {
            match next(self.to, self.ttl, &mut progress).await? {
                Progress::From(from) => break from.min(self.header.len),
                Progress::Alive => {}
                Progress::Installed(response) => return Ok(response),
            }
        };
        self.from = Some(from);
        self.data.seek(SeekFrom::Start(from)).await.map_err(unreadable)?;
        let sending = send_chunks(self.to, &mut self.data, self.rate, chunks);
        let mut sending = pin!(sending);
        let mut is_sent = false;
        loop {
            tokio::select! {
                biased;
                progress = next(self.to, self.ttl, &mut progress) => {
                    if let Progress::Installed(response) = progress? {
                        return Ok(response);
                    }
                }
                sent = &mut sending, if !is_sent => {
                    is_sent = true;
                    sent?;
                }
            }
        }
    }
}

/// Sends the rest of the data. The input ends when this returns.
async fn send_chunks<C: RaftTypeConfig>(
    to: &Target<C>,
    data: &mut impl SnapshotData,
    rate: &SnapshotRate,
    mut chunks: Requests<Bytes>,
) -> Result<(), StreamingError<C>> {
    loop {
        let chunk = read_chunk(data).await.map_err(unreadable)?;
        if chunk.is_empty() {
            return Ok(());
        }
        rate.wait(chunk.len()).await;
        match chunks.send(chunk).await {
            Ok(()) => {}
            // The reason is the next progress.
            Err(SendError::Closed(_)) => return Ok(()),
            Err(error) => return Err(to.unencodable(INSTALL, error).into()),
        }
    }
}

/// Reads as much as a chunk holds. It is shorter at the end only.
async fn read_chunk(data: &mut impl SnapshotData) -> io::Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
    // A read may return less.
    let mut rest = data.take(CHUNK_BYTES as u64);
    while rest.limit() > 0 && rest.read_buf(&mut chunk).await? > 0 {}
    Ok(chunk.freeze())
}

/// The next sign of life.
async fn next<C: RaftTypeConfig>(
    to: &Target<C>,
    ttl: Duration,
    progress: &mut Responses<Raw, RemoteError>,
) -> Result<Progress<C>, RPCError<C>> {
    let next = async {
        match progress.next().await {
            Some(bytes) => decode(&bytes?).map_err(CallError::Decode),
            None => Err(CallError::Decode(CodecError::new("the answer is missing"))),
        }
    };
    to.within(INSTALL, ttl, next).await
}

fn unreadable<C: RaftTypeConfig>(error: io::Error) -> StreamingError<C> {
    StorageError::read_snapshot(None, C::ErrorSource::from_error(&error)).into()
}
