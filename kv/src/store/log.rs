//! [`Log`]: openraft's view of the log. `writer.rs` has the database.
//!
//! One task writes. It takes all that waits and commits it at once, so that one sync is for many entries. What is appended can be
//! read before that: it is in `Recent` until it is written.

use std::fmt::{self, Debug};
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::type_config::alias::VoteOf;
use openraft::{OptionalSend, RaftLogReader};
use redb::Database;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::rows::encode;
use super::writer::{COMMITTED, Done, Entry, Job, LogId, Measured, PURGED, Shared, VOTE};
use crate::model::Types;

/// Writes that may wait. openraft waits when there are more.
const JOBS_MAX: usize = 256;

/// Bytes of entries that are read at once for a follower. A single entry may be longer.
const READ_BYTES_MAX: usize = 4 << 20;

/// The log of a node. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

impl Log {
    pub(super) fn new(database: Database) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(database)?);
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        // It ends with the last clone of the log, which has the sender.
        tokio::spawn(write(Arc::clone(&shared), waiting));
        Ok(Self { shared, jobs })
    }

    async fn run(&self, job: impl FnOnce(Done) -> Job) -> io::Result<()> {
        let (done, is_done) = oneshot::channel();
        self.jobs.send(job(done)).await.map_err(|_| stopped())?;
        is_done.await.map_err(|_| stopped())?
    }

    /// Measures the log, without what is not written yet: what is more than `bytes_max`, and the entries after `after` up to `upto`.
    ///
    /// # Errors
    /// The database cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn measure(&self, bytes_max: u64, after: u64, upto: u64) -> io::Result<Measured> {
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || shared.measure(bytes_max, after, upto)).await?
    }

    /// Reads entries in a thread that may wait for the disk, up to this many bytes, or one entry.
    async fn read(&self, from: u64, end: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        // First, so that what is written in between is found in the database.
        let (stored_end, recent) = match from < end {
            true => self.shared.recent().read(from, end, bytes_max),
            false => return Ok(Vec::new()),
        };
        if from == stored_end {
            return Ok(recent.entries);
        }
        let shared = Arc::clone(&self.shared);
        let mut read = spawn_blocking(move || shared.stored(from, stored_end, bytes_max)).await??;
        if read.is_complete && read.bytes.saturating_add(recent.bytes) <= bytes_max {
            read.entries.extend(recent.entries);
        }
        Ok(read.entries)
    }
}

fn stopped() -> io::Error {
    io::Error::other("the log has stopped")
}

/// The task that writes.
async fn write(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while waiting.recv_many(&mut jobs, JOBS_MAX).await > 0 {
        let (batch, writer) = (std::mem::take(&mut jobs), Arc::clone(&shared));
        let commit = spawn_blocking(move || {
            let result = writer.commit(&batch);
            (batch, result)
        });
        // The runtime ends: nobody waits any more.
        let Ok((batch, result)) = commit.await else { return };
        for job in batch {
            let result = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            shared.finish(job, result);
        }
    }
}

/// The first index of a range, and the one after its last.
fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (from, end)
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let (from, end) = bounds(&range);
        self.read(from, end, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_BYTES_MAX).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<Types>>> {
        self.shared.meta(VOTE)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let recent =
            self.shared.recent().entries.last_key_value().map(|(_, (entry, _))| entry.log_id);
        let last = match recent {
            Some(last) => Some(last),
            None => self.shared.last_stored()?,
        };
        let purged = self.shared.meta(PURGED)?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> io::Result<()> {
        let vote = *vote;
        self.run(|done| Job::Vote { vote, done }).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.shared.recent().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let recent = self.shared.recent().committed;
        if recent.is_some() { Ok(recent) } else { self.shared.meta(COMMITTED) }
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        let row = |entry: &Entry| encode(entry).map(|row| (entry.log_id, row));
        let rows = entries.iter().map(row).collect::<io::Result<Vec<_>>>()?;
        let entries = entries.into_iter().zip(&rows);
        let entries = entries.map(|(entry, (id, row))| (id.index, (entry, row.len())));
        self.shared.recent().entries.extend(entries);
        self.jobs.send(Job::Append { rows, flushed }).await.map_err(|_| stopped())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.shared.recent().entries.split_off(&from);
        self.run(|done| Job::Truncate { from, done }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        {
            let mut recent = self.shared.recent();
            recent.entries = recent.entries.split_off(&(upto.index + 1));
        }
        self.run(|done| Job::Purge { upto, done }).await
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
