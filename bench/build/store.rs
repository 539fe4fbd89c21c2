//! The store that the three programs in this folder serve, each with its own library; see `bench/README.md`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast;

/// Number of changes that a watcher may lag behind.
const CHANGES_MAX: usize = 64;

/// A key and its value.
pub type Entry = (String, Bytes);

#[derive(Debug, Clone)]
pub struct Store {
    entries: Arc<Mutex<BTreeMap<String, Bytes>>>,
    changes: broadcast::Sender<Entry>,
}

impl Store {
    pub fn new() -> Self {
        Self { entries: Arc::default(), changes: broadcast::Sender::new(CHANGES_MAX) }
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.lock().get(key).cloned()
    }

    pub fn put(&self, key: String, value: Bytes) {
        let mut entries = self.lock();
        // Fails if nobody watches.
        let _ = self.changes.send((key.clone(), value.clone()));
        entries.insert(key, value);
    }

    /// Returns the entries whose keys begin with `prefix`, and then their changes.
    pub fn watch(&self, prefix: String) -> Watch {
        // Under the lock, so that no change is missed or returned twice.
        let entries = self.lock();
        let changes = self.changes.subscribe();
        let matching = entries.iter().filter(|(key, _)| key.starts_with(&prefix));
        let present = matching.map(|(key, value)| (key.clone(), value.clone())).collect();
        Watch { prefix, present, changes }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub struct Watch {
    prefix: String,
    present: VecDeque<Entry>,
    changes: broadcast::Receiver<Entry>,
}

impl Watch {
    /// Returns `None` if the store is gone, or if this watcher is too slow.
    pub async fn next(&mut self) -> Option<Entry> {
        if let Some(entry) = self.present.pop_front() {
            return Some(entry);
        }
        loop {
            let entry = self.changes.recv().await.ok()?;
            if entry.0.starts_with(&self.prefix) {
                return Some(entry);
            }
        }
    }
}
