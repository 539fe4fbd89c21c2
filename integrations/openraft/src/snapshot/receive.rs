//! [`Receiver`]: the follower's end of a snapshot.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use grid::{Incoming, Outgoing, Raw, RemoteError};
use openraft::RaftTypeConfig;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::runtime::Handle;

use super::SnapshotData;
use crate::wire::{Header, Progress, encode, text};

/// Signs of life in the time that the sender waits for one.
const SIGNS: u32 = 4;

/// Makes the place for a snapshot, which is empty.
pub(crate) type Create<D> =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<D>> + Send>> + Send + Sync>;

/// A part of a snapshot.
struct Part<D> {
    transfer: u64,
    data: D,
    /// What is known to be written. There may be more, of a write that was interrupted.
    written: u64,
}

/// The last part that was interrupted, until its sender comes back or has given up. At most one for each group.
type Interrupted<D> = Arc<Mutex<Option<Part<D>>>>;

/// Receives the snapshots of a group.
pub(crate) struct Receiver<D> {
    create: Create<D>,
    interrupted: Interrupted<D>,
}

impl<D: SnapshotData> Receiver<D> {
    pub(crate) fn new(create: Create<D>) -> Self {
        Self { create, interrupted: Arc::default() }
    }

    /// Receives all of a snapshot, and returns it at its beginning. If the link is lost, what has arrived is kept for as long as the
    /// sender may need to come back.
    pub(crate) async fn receive<C: RaftTypeConfig>(
        &self,
        header: &Header<C>,
        mut chunks: Incoming<Bytes>,
        progress: &mut Outgoing<Raw>,
    ) -> Result<D, RemoteError> {
        let mut receiving = alive(header, progress, self.begin(header)).await.map_err(of_io)?;
        let written = receiving.part().written;
        progress.send(encode(&Progress::<C>::From(written)).map_err(text)?).await?;
        alive(header, progress, receiving.part().fill(&mut chunks, header.len)).await?;
        Ok(receiving.complete())
    }

    /// Continues with the part that was interrupted, or begins a new one.
    async fn begin<C: RaftTypeConfig>(&self, header: &Header<C>) -> io::Result<Receiving<D>> {
        // A part of another transfer is dropped: that one has been given up, or its sender is no longer the leader.
        let known = lock(&self.interrupted).take();
        let part = match known.filter(|part| part.transfer == header.transfer) {
            Some(part) => part,
            None => Part { transfer: header.transfer, data: (self.create)().await?, written: 0 },
        };
        let interrupted = Arc::clone(&self.interrupted);
        let mut receiving = Receiving { part: Some(part), keep: 2 * ttl(header), interrupted };
        let part = receiving.part();
        part.data.seek(SeekFrom::Start(part.written)).await?;
        Ok(receiving)
    }
}

impl<D: SnapshotData> Part<D> {
    /// Writes the rest of a snapshot of this length, and returns to the beginning.
    async fn fill(&mut self, chunks: &mut Incoming<Bytes>, len: u64) -> Result<(), RemoteError> {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if self.written + chunk.len() as u64 > len {
                return Err(RemoteError::new("the snapshot is longer than announced"));
            }
            self.data.write_all(&chunk).await.map_err(of_io)?;
            self.written += chunk.len() as u64;
        }
        if self.written < len {
            return Err(RemoteError::new("the snapshot is incomplete: its sender has left"));
        }
        self.data.flush().await.map_err(of_io)?;
        if self.data.seek(SeekFrom::End(0)).await.map_err(of_io)? != len {
            return Err(RemoteError::new("the place for the snapshot was not empty"));
        }
        self.data.rewind().await.map_err(of_io)?;
        Ok(())
    }
}

/// A part that is being received. It is kept for a while if the handler fails or is dropped.
struct Receiving<D: Send + 'static> {
    /// `None` when it is complete.
    part: Option<Part<D>>,
    keep: Duration,
    interrupted: Interrupted<D>,
}

impl<D: Send> Receiving<D> {
    fn part(&mut self) -> &mut Part<D> {
        self.part.as_mut().expect("only `complete` and `drop` take it")
    }

    fn complete(mut self) -> D {
        self.part.take().expect("only `complete` and `drop` take it").data
    }
}

impl<D: Send> Drop for Receiving<D> {
    fn drop(&mut self) {
        // Outside a runtime the node ends, and nobody comes back.
        let (Some(part), Ok(runtime)) = (self.part.take(), Handle::try_current()) else { return };
        let (transfer, written) = (part.transfer, part.written);
        let (interrupted, keep) = (Arc::clone(&self.interrupted), self.keep);
        let earlier = lock(&interrupted).replace(part);
        drop(earlier);
        runtime.spawn(async move {
            tokio::time::sleep(keep).await;
            // If its sender has come back and was interrupted again, there is more of it, and another task for that.
            let is_it = |part: &mut Part<D>| part.transfer == transfer && part.written == written;
            let given_up = lock(&interrupted).take_if(is_it);
            drop(given_up);
        });
    }
}

/// Works, and tells the sender that it does.
pub(crate) async fn alive<C: RaftTypeConfig, T>(
    header: &Header<C>,
    progress: &mut Outgoing<Raw>,
    work: impl Future<Output = T>,
) -> T {
    let every = (ttl(header) / SIGNS).max(Duration::from_millis(1));
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(every, &mut work).await {
            Ok(done) => return done,
            Err(_) => {
                // One that cannot be sent now is not needed: others are still on their way.
                let _ = encode(&Progress::<C>::Alive).map(|sign| progress.try_send(sign));
            }
        }
    }
}

/// How long the sender waits. Much more than anybody means is cut, so that it can be added to the time.
fn ttl<C: RaftTypeConfig>(header: &Header<C>) -> Duration {
    Duration::from_millis(header.ttl_ms.min(u32::MAX.into()))
}

fn of_io(error: io::Error) -> RemoteError {
    RemoteError::new(format!("cannot write the snapshot: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
