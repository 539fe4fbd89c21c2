//! [`Machine`]: the state machine of a node.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::{EntryPayload, OptionalSend};
use redb::Durability;
use tokio::fs::File;
use tokio::task::spawn_blocking;

use super::disk::Sync;
use super::read::State;
use super::rows::other;
use super::snapshot::{self, Builder};
use super::tables::Tables;
use crate::model::{Outcome, Types};

/// Entries after which the state is synced. After a crash up to this many are applied again, in less than a second.
pub(super) const CHECKPOINT_ENTRIES: u64 = 1024;

/// Entries that are applied in one transaction.
const APPLY_MAX: usize = 256;

/// The state machine.
pub struct Machine {
    state: Arc<State>,
    folder: Arc<PathBuf>,
    sync: Sync,
    since_checkpoint: u64,
}

impl Machine {
    pub(super) fn new(state: Arc<State>, folder: PathBuf, sync: Sync) -> Self {
        Self { state, folder: Arc::new(folder), sync, since_checkpoint: 0 }
    }

    /// What it has applied, for reading. It stays valid when the machine is moved into a raft.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    async fn apply_all(&mut self, entries: Vec<EntryResponder<Types>>) -> io::Result<()> {
        self.since_checkpoint += entries.len() as u64;
        let durability = match self.since_checkpoint >= CHECKPOINT_ENTRIES {
            true => Durability::Immediate,
            false => Durability::None,
        };
        if let Durability::Immediate = durability {
            self.since_checkpoint = 0;
        }
        let state = Arc::clone(&self.state);
        spawn_blocking(move || {
            let outcomes = state.apply(&entries, durability)?;
            for ((_, responder), outcome) in entries.into_iter().zip(outcomes) {
                if let Some(responder) = responder {
                    responder.send(outcome);
                }
            }
            Ok(())
        })
        .await?
    }
}

impl State {
    /// Applies entries in one transaction.
    fn apply(
        &self,
        entries: &[EntryResponder<Types>],
        durability: Durability,
    ) -> io::Result<Vec<Outcome>> {
        let mut transaction = self.database.begin_write().map_err(other)?;
        transaction.set_durability(durability);
        let mut tables = Tables::open(&transaction)?;
        let mut outcomes = Vec::with_capacity(entries.len());
        for (entry, _) in entries {
            tables.head.applied = Some(entry.log_id);
            outcomes.push(match &entry.payload {
                EntryPayload::Blank => Outcome::Nothing,
                EntryPayload::Normal(command) => tables.apply(entry.log_id.index, command)?,
                EntryPayload::Membership(membership) => {
                    let id = Some(entry.log_id);
                    tables.head.membership =
                        StoredMembershipOf::<Types>::new(id, membership.clone());
                    Outcome::Nothing
                }
            });
        }
        let head = tables.finish()?;
        transaction.commit().map_err(other)?;
        self.publish(head);
        Ok(outcomes)
    }

    /// Syncs what was applied.
    pub(super) fn checkpoint(&self) -> io::Result<()> {
        let mut transaction = self.database.begin_write().map_err(other)?;
        transaction.set_durability(Durability::Immediate);
        transaction.commit().map_err(other)
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = File;
    type SnapshotBuilder = Builder;

    async fn applied_state(
        &mut self,
    ) -> io::Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>)> {
        let head = self.state.head();
        Ok((head.applied, head.membership))
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        // Those that are there: an entry does not wait for later ones.
        let mut chunks = entries.ready_chunks(APPLY_MAX);
        while let Some(chunk) = chunks.next().await {
            let entries = chunk.into_iter().collect::<io::Result<Vec<_>>>()?;
            self.apply_all(entries).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        self.since_checkpoint = 0;
        let (folder, sync) = (Arc::clone(&self.folder), self.sync);
        Builder::new(Arc::clone(&self.state), folder, sync)
    }

    async fn install_snapshot(
        &mut self,
        _: &SnapshotMetaOf<Types>,
        snapshot: File,
    ) -> io::Result<()> {
        let snapshot = snapshot.into_std().await;
        let (state, folder, sync) = (Arc::clone(&self.state), Arc::clone(&self.folder), self.sync);
        self.since_checkpoint = 0;
        spawn_blocking(move || snapshot::install(&state, &folder, sync, snapshot)).await?
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, File>>> {
        let folder = Arc::clone(&self.folder);
        let current = spawn_blocking(move || snapshot::current(&folder)).await??;
        Ok(current.map(|(meta, file)| Snapshot { meta, snapshot: File::from_std(file) }))
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("folder", &self.folder).finish_non_exhaustive()
    }
}
