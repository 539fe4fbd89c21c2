//! [`Load`]: clients that write without a pause, and remember what was acknowledged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid_kv::client::{Client, ClientError};
use grid_kv::service::ScanRequest;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Writers, each with keys of its own.
pub(crate) struct Load {
    tally: Arc<Mutex<Tally>>,
    stop: watch::Sender<bool>,
    writers: JoinSet<()>,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The keys of acknowledged writes, and their revisions.
    pub(crate) acknowledged: HashMap<String, u64>,
    /// Writes that were not acknowledged in time, and may have been applied.
    pub(crate) unknown: u64,
    /// Errors of writes that were not applied.
    pub(crate) failed: Vec<String>,
    /// Since when nothing was acknowledged, and the longest such time since the last [`Load::mark`].
    last: Option<Instant>,
    longest: Duration,
}

impl Load {
    /// Starts this many writers.
    pub(crate) fn start(client: &Client, writers: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tally = Arc::<Mutex<Tally>>::default();
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            tasks.spawn(write(client.clone(), writer, Arc::clone(&tally), stopped.clone()));
        }
        Self { tally, stop, writers: tasks }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }

    /// Measures the longest time without an acknowledged write from now on.
    pub(crate) fn mark(&self) {
        let mut tally = self.tally();
        (tally.last, tally.longest) = (Some(Instant::now()), Duration::ZERO);
    }

    /// The longest time without an acknowledged write since the mark.
    pub(crate) fn longest(&self) -> Duration {
        let tally = self.tally();
        tally.last.map_or(tally.longest, |last| tally.longest.max(last.elapsed()))
    }

    /// Waits for the writes that run, and returns what has happened.
    pub(crate) async fn stop(mut self) -> Tally {
        self.stop.send_replace(true);
        while self.writers.join_next().await.is_some() {}
        std::mem::take(&mut *lock(&self.tally))
    }
}

impl Tally {
    fn acknowledge(&mut self, key: String, revision: u64) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now - last);
        }
        self.acknowledged.insert(key, revision);
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(
    client: Client,
    writer: usize,
    tally: Arc<Mutex<Tally>>,
    stopped: watch::Receiver<bool>,
) {
    let mut number = 0_u64;
    while !*stopped.borrow() {
        let key = format!("load/{writer}/{number}");
        number += 1;
        let written = client.put(key.clone(), key.clone()).await;
        let mut tally = lock(&tally);
        match written {
            Ok(written) => tally.acknowledge(key, written.revision),
            Err(ClientError::Deadline { may_have_run: true, .. } | ClientError::Unknown) => {
                tally.unknown += 1;
            }
            Err(error) => tally.failed.push(error.to_string()),
        }
    }
}

/// The acknowledged writes that are not there, or with another revision: none, unless the store is broken.
pub(crate) async fn lost(client: &Client, tally: &Tally) -> Result<Vec<String>, ClientError> {
    let mut left = tally.acknowledged.clone();
    let prefix = "load/".to_owned();
    let mut scan = client.scan(ScanRequest { prefix, ..ScanRequest::default() });
    while let Some(entry) = scan.next().await? {
        if left.get(&entry.key) == Some(&entry.item.modified) && entry.item.value == entry.key {
            left.remove(&entry.key);
        }
    }
    Ok(left.into_keys().collect())
}
