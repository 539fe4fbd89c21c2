//! Implements `Files`. The work of `tree` and `search` blocks: `stat` and `read` are `blocking` methods, and the streams
//! use `spawn_blocking`.
//!
//! A walk pushes into a bounded channel, from which the handler sends to the caller. A slow caller thus slows down the
//! disk. When a caller leaves, the handler's future and its channel are dropped, and the thread's next `put` ends the
//! walk.

use bytes::Bytes;
use grid::Outgoing;
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
};

use crate::{
    entry::{Entry, Hit, Seen, Stat},
    error::FilesError,
    path::RelPath,
    search::search,
    service::{Files, SearchRequest, WalkRequest},
    tree::Tree,
};

/// Capacity of the channel between the thread that finds items and the task that sends them.
const FOUND_MAX: usize = 256;

/// The service of one tree.
#[derive(Debug)]
pub(crate) struct Disk {
    tree: Tree,
}

impl Disk {
    /// Creates the service of `tree`.
    pub(crate) fn new(tree: Tree) -> Self {
        Self { tree }
    }
}

impl Files for Disk {
    fn stat(&self, path: RelPath) -> Result<Stat, FilesError> {
        self.tree.stat(&path)
    }

    fn read(&self, path: RelPath, offset: u64, len: u64) -> Result<Bytes, FilesError> {
        self.tree.read(&path, offset, len)
    }

    async fn walk(
        &self,
        request: WalkRequest,
        out: Outgoing<Seen<Entry>>,
    ) -> Result<(), FilesError> {
        let tree = self.tree.clone();
        push(out, move |found| tree.walk(&request.path, found)).await
    }

    async fn search(
        &self,
        request: SearchRequest,
        out: Outgoing<Seen<Hit>>,
    ) -> Result<(), FilesError> {
        let tree = self.tree.clone();
        push(out, move |found| {
            search(&tree, &request.path, &request.pattern, request.dialect, found)
        })
        .await
    }
}

/// Runs `work` on a thread and sends its items.
async fn push<T: Send + 'static>(
    mut out: Outgoing<T>,
    work: impl FnOnce(&mut mpsc::Sender<T>) -> Result<(), FilesError> + Send + 'static,
) -> Result<(), FilesError> {
    let (mut found, mut queue) = mpsc::channel(FOUND_MAX);
    let work = spawn_blocking(move || work(&mut found));
    while let Some(item) = queue.recv().await {
        out.send(item).await?;
    }
    work.await.map_err(failed)?
}

fn failed(error: JoinError) -> FilesError {
    FilesError::Aborted { reason: error.to_string() }
}
