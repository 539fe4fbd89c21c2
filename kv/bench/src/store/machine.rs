//! [`Machine`]: a state machine in memory, whose snapshots are as long as is asked for.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use grid_kv::model::{Command, Op, Outcome, Types};
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::task::spawn_blocking;

type Items = HashMap<String, Bytes>;

/// A state machine in memory. Clones are the same.
#[derive(Clone)]
pub(crate) struct Machine {
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    /// Bytes that are added to each snapshot. They are a hole in its file, so that reading them costs the disk nothing.
    padding: u64,
}

#[derive(Default)]
struct State {
    items: Items,
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
    snapshot: Option<(SnapshotMetaOf<Types>, NamedTempFile)>,
}

impl Machine {
    pub(super) fn new(folder: &Path, padding: u64) -> Self {
        Self { state: Arc::default(), folder: folder.to_owned(), padding }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file with the items, then the padding.
    fn file(&self, items: &Items) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        let content = rmp_serde::to_vec(items).map_err(io::Error::other)?;
        let header = (content.len() as u64).to_be_bytes();
        file.write_all(&header)?;
        file.write_all(&content)?;
        let end = file.stream_position()?;
        file.as_file().set_len(end + self.padding)?;
        Ok(file)
    }

    fn install(&self, meta: SnapshotMetaOf<Types>, mut snapshot: std::fs::File) -> io::Result<()> {
        snapshot.rewind()?;
        let mut header = [0; 8];
        snapshot.read_exact(&mut header)?;
        let mut content = Vec::new();
        snapshot.take(u64::from_be_bytes(header)).read_to_end(&mut content)?;
        let items: Items = rmp_serde::from_slice(&content).map_err(io::Error::other)?;
        let file = self.file(&items)?;
        let mut state = self.state();
        (state.items, state.applied) = (items, meta.last_log_id);
        state.membership = meta.last_membership.clone();
        let earlier = state.snapshot.replace((meta, file));
        drop(state);
        drop(earlier);
        Ok(())
    }
}

impl State {
    fn apply(&mut self, command: Command, index: u64) -> Outcome {
        match command {
            Command::Open => Outcome::Opened { session: index },
            Command::Write(write) => {
                let changed = write.ops.len() as u64;
                for op in write.ops {
                    match op {
                        Op::Put { key, value } => drop(self.items.insert(key, value)),
                        Op::Delete { key } => drop(self.items.remove(&key)),
                        // The bench has none.
                        Op::Check { .. } => {}
                    }
                }
                Outcome::Applied { revision: index, changed }
            }
        }
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = File;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, File>> {
        let mut state = self.state();
        let file = self.file(&state.items)?;
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: state.applied,
            last_membership: state.membership.clone(),
        };
        let snapshot = File::from_std(file.reopen()?);
        state.snapshot = Some((meta.clone(), file));
        Ok(Snapshot { meta, snapshot })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = File;
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> io::Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>)> {
        let state = self.state();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let mut state = self.state();
            state.applied = Some(entry.log_id);
            let outcome = match entry.payload {
                EntryPayload::Blank => Outcome::Nothing,
                EntryPayload::Normal(command) => state.apply(command, entry.log_id.index),
                EntryPayload::Membership(membership) => {
                    let id = Some(entry.log_id);
                    state.membership = StoredMembershipOf::<Types>::new(id, membership);
                    Outcome::Nothing
                }
            };
            drop(state);
            if let Some(responder) = responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        snapshot: File,
    ) -> io::Result<()> {
        let (machine, meta) = (self.clone(), meta.clone());
        let snapshot = snapshot.into_std().await;
        // In a thread that may wait: freeing a long temporary file takes a while.
        spawn_blocking(move || machine.install(meta, snapshot)).await?
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, File>>> {
        let state = self.state();
        let Some((meta, file)) = &state.snapshot else { return Ok(None) };
        let snapshot = File::from_std(file.reopen()?);
        Ok(Some(Snapshot { meta: meta.clone(), snapshot }))
    }
}
