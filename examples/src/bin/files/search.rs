//! Searches a tree: files in parallel, hits in order.
//!
//! A walker thread puts files into two queues: `jobs`, from which the searching threads take them, and `order`, which
//! holds the channel of hits of each file. This thread drains those channels one after the other.
//!
//! ```text
//!            ┌─ jobs ──▶ worker ─┐ hits of file 1
//!   walker ──┤  (FIFO)  worker ─┐└────────────▶ ┐
//!            └─ order: file 1, file 2, … ──────▶ this thread ──▶ out
//! ```
//! There is no deadlock, because jobs are taken in the order in which channels are drained: the file whose channel is
//! being drained was taken before all files with full channels. Memory is bounded: `AHEAD` files of `BATCHES` batches.

use std::{
    mem,
    num::NonZero,
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{
    entry::{Entry, Hit, Seen, Skipped},
    error::FilesError,
    lines::{Dialect, LineSearcher},
    out::Out,
    path::RelPath,
    tree::{Place, Tree},
};

/// How many files may be searched ahead of the one that is being drained.
const AHEAD: usize = 64;

/// Hits per batch. One by one, waking the other thread would cost more than the search.
const BATCH: usize = 128;

/// Batches that the channel of one file holds.
const BATCHES: usize = 2;

/// Maximum number of searching threads. With more, the disk is the limit.
const WORKERS_MAX: usize = 8;

/// How often a search without hits checks whether its results are still wanted.
const ASK: Duration = Duration::from_millis(100);

type Found = Seen<Hit>;
type Hits = SyncSender<Vec<Found>>;
type Turn = Receiver<Vec<Found>>;

/// A file to search, and the channel for its hits.
struct Job {
    real: PathBuf,
    path: RelPath,
    hits: Hits,
}

/// Puts each line that matches `pattern`, of the text files in and below `path`, into `out`, ordered by path and line.
pub(crate) fn search(
    tree: &Tree,
    path: &RelPath,
    pattern: &str,
    dialect: Dialect,
    out: &mut dyn Out<Found>,
) -> Result<(), FilesError> {
    let start = tree.target(path)?;
    let searcher = LineSearcher::new(pattern, dialect)?;
    let stop = AtomicBool::new(false);
    let (jobs, queue) = sync_channel(AHEAD);
    let (order, turns) = sync_channel(AHEAD);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..workers() {
            let searcher = searcher.clone();
            scope.spawn(|| work(searcher, &queue, &stop));
        }
        let walker =
            scope.spawn(|| tree.walk_place(&start, &mut Dealer { start: &start, jobs, order }));
        deliver(turns, out);
        // Has no effect after a full search. After one that was stopped early it ends the other threads.
        stop.store(true, Ordering::Relaxed);
        walker
            .join()
            .unwrap_or_else(|_| Err(FilesError::Aborted { reason: "the walk panicked".to_owned() }))
    })
}

fn workers() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(WORKERS_MAX)
}

/// The walk's end of the queues.
struct Dealer<'a> {
    start: &'a Place,
    jobs: SyncSender<Job>,
    order: SyncSender<Turn>,
}

impl Out<Seen<Entry>> for Dealer<'_> {
    fn put(&mut self, seen: Seen<Entry>) -> ControlFlow<()> {
        let (hits, turn) = match &seen {
            Seen::Item(entry) if !entry.is_searchable() => return ControlFlow::Continue(()),
            Seen::Item(_) => sync_channel(BATCHES),
            Seen::Skipped(_) => sync_channel(1),
        };
        if self.order.send(turn).is_err() {
            return ControlFlow::Break(());
        }
        let sent = match seen {
            Seen::Item(entry) => self
                .jobs
                .send(Job { real: self.start.file(&entry), path: entry.path, hits })
                .is_ok(),
            Seen::Skipped(skipped) => hits.send(vec![Seen::Skipped(skipped)]).is_ok(),
        };
        if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// One searching thread. Runs until the walk has ended and the queue is empty.
fn work(mut searcher: LineSearcher, queue: &Mutex<Receiver<Job>>, stop: &AtomicBool) {
    loop {
        // The lock is held while waiting: one thread waits for the queue, the rest for the lock.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { real, path, hits }) = next else { return };
        let mut batch = Vec::new();
        let put = |hit| {
            batch.push(Seen::Item(hit));
            if batch.len() < BATCH || hits.send(mem::take(&mut batch)).is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        if let Err(error) = searcher.search(&real, &path, stop, put) {
            batch.push(Seen::Skipped(Skipped { path, reason: error.to_string() }));
        }
        if !batch.is_empty() {
            // Fails if the results are not wanted any more. The walk notices as well, and closes the queue.
            let _ = hits.send(batch);
        }
    }
}

/// Drains the files' channels in order. Returning drops them, which ends the other threads.
fn deliver(turns: Receiver<Turn>, out: &mut dyn Out<Found>) {
    for turn in turns {
        loop {
            match turn.recv_timeout(ASK) {
                Ok(batch) => {
                    for found in batch {
                        if out.put(found).is_break() {
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) if out.stopped() => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if out.stopped() {
            return;
        }
    }
}
