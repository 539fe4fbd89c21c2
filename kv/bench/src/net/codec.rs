//! What the hand-written networks share: how values are encoded, and snapshots as streams of chunks.

use std::fmt::Display;
use std::io::{self, SeekFrom};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use grid_kv::model::Types;
use openraft::Raft;
use openraft::errors::{NetworkError, RPCError, Unreachable};
use openraft::raft::SnapshotResponse;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::type_config::alias::{SnapshotMetaOf, VoteOf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

/// The length of a chunk of a snapshot: that of openraft's example for gRPC.
const CHUNK: usize = 1 << 20;

/// Announces a snapshot.
#[derive(Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) vote: VoteOf<Types>,
    pub(crate) meta: SnapshotMetaOf<Types>,
    pub(crate) len: u64,
}

/// As `grid-openraft` does: all binary networks have the same encoding, so that it makes no difference between them.
pub(crate) fn encode(value: &impl Serialize) -> Bytes {
    // openraft's types and those of `kv` have no value that msgpack cannot hold.
    Bytes::from(rmp_serde::to_vec_named(value).expect("a value that can be encoded"))
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

/// A call that may have been received.
pub(crate) fn lost(error: impl Display) -> RPCError<Types> {
    NetworkError::from_string(error.to_string()).into()
}

/// A call that was not received, or that was refused.
pub(crate) fn unreachable(error: impl Display) -> RPCError<Types> {
    Unreachable::from_string(error.to_string()).into()
}

/// The length of a file, which is at its beginning then.
pub(crate) async fn len(file: &mut File) -> io::Result<u64> {
    let len = file.seek(SeekFrom::End(0)).await?;
    file.rewind().await?;
    Ok(len)
}

/// The content of a file, read as fast as the chunks are taken.
pub(crate) fn chunks(file: File) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        {
            let mut rest = (&mut file).take(CHUNK as u64);
            while rest.limit() > 0 && rest.read_buf(&mut chunk).await? > 0 {}
        }
        Ok((!chunk.is_empty()).then(|| (chunk.freeze(), file)))
    })
}

/// Receives a snapshot into a temporary file, and installs it.
pub(crate) async fn receive<SM, E: Display>(
    raft: &Raft<Types, SM>,
    header: Header,
    chunks: impl Stream<Item = Result<Bytes, E>>,
) -> Result<SnapshotResponse<Types>, String>
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    let file = tempfile::tempfile().map_err(|error| error.to_string())?;
    let (mut file, mut received) = (File::from_std(file), 0);
    let mut chunks = std::pin::pin!(chunks);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| error.to_string())?;
        received += chunk.len() as u64;
        file.write_all(&chunk).await.map_err(|error| error.to_string())?;
    }
    file.flush().await.map_err(|error| error.to_string())?;
    file.rewind().await.map_err(|error| error.to_string())?;
    if received != header.len {
        return Err(format!("{received} bytes of a snapshot of {}", header.len));
    }
    let snapshot = Snapshot { meta: header.meta, snapshot: file };
    let installed = raft.install_full_snapshot(header.vote, snapshot).await;
    installed.map_err(|error| error.to_string())
}
