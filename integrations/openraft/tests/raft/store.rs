//! A log and a state machine in memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt as _};
use grid_openraft::SnapshotData;
use openraft::storage::{EntryResponder, IOFlushed, LogState, RaftLogStorage, RaftStateMachine};
use openraft::type_config::alias::{
    EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf,
};
use openraft::{EntryPayload, OptionalSend, RaftLogReader, RaftSnapshotBuilder, Snapshot};

openraft::declare_raft_types!(
    /// Writes are texts, and are answered by their number.
    pub(crate) Types: D = String, R = u64
);

/// What a snapshot is written to.
pub(crate) trait Content: SnapshotData {
    fn of(state: &[String]) -> Self;
    fn state(self) -> Vec<String>;
}

impl Content for io::Cursor<Vec<u8>> {
    fn of(state: &[String]) -> Self {
        Self::new(state.join("\n").into_bytes())
    }

    fn state(self) -> Vec<String> {
        assert_eq!(self.position(), 0, "the state machine reads it from the beginning");
        let text = String::from_utf8(self.into_inner()).unwrap();
        text.split('\n').map(str::to_owned).collect()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    vote: Option<VoteOf<Types>>,
    entries: BTreeMap<u64, EntryOf<Types>>,
    purged: Option<LogIdOf<Types>>,
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<EntryOf<Types>>> {
        Ok(self.0.lock().unwrap().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<Types>>> {
        Ok(self.0.lock().unwrap().vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let inner = self.0.lock().unwrap();
        let last = inner.entries.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState { last_purged_log_id: inner.purged, last_log_id: last.or(inner.purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> io::Result<()> {
        self.0.lock().unwrap().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = EntryOf<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index, entry));
        self.0.lock().unwrap().entries.extend(entries);
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> io::Result<()> {
        let end = last.map_or(0, |last| last.index + 1);
        self.0.lock().unwrap().entries.split_off(&end);
        Ok(())
    }

    async fn purge(&mut self, upto: LogIdOf<Types>) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.entries = inner.entries.split_off(&(upto.index + 1));
        inner.purged = Some(upto);
        Ok(())
    }
}

/// All writes, in their order.
pub(crate) struct Machine<D> {
    state: Arc<Mutex<State>>,
    content: std::marker::PhantomData<fn() -> D>,
}

#[derive(Default, Clone)]
struct State {
    writes: Vec<String>,
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
    snapshots: usize,
}

impl<D> Clone for Machine<D> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), content: self.content }
    }
}

impl<D> Default for Machine<D> {
    fn default() -> Self {
        Self { state: Arc::default(), content: std::marker::PhantomData }
    }
}

impl<D> Machine<D> {
    pub(crate) fn writes(&self) -> Vec<String> {
        self.state.lock().unwrap().writes.clone()
    }

    /// Number of snapshots that were installed.
    pub(crate) fn snapshots(&self) -> usize {
        self.state.lock().unwrap().snapshots
    }
}

impl<D: Content> RaftSnapshotBuilder<Types> for Machine<D> {
    type SnapshotData = D;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, D>> {
        let state = self.state.lock().unwrap().clone();
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: state.applied,
            last_membership: state.membership,
        };
        Ok(Snapshot { meta, snapshot: D::of(&state.writes) })
    }
}

impl<D: Content> RaftStateMachine<Types> for Machine<D> {
    type SnapshotData = D;
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> io::Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>)> {
        let state = self.state.lock().unwrap();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let mut state = self.state.lock().unwrap();
            state.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(text) => state.writes.push(text),
                EntryPayload::Membership(membership) => {
                    state.membership =
                        StoredMembershipOf::<Types>::new(Some(entry.log_id), membership);
                }
            }
            if let Some(responder) = responder {
                responder.send(state.writes.len() as u64);
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
        snapshot: D,
    ) -> io::Result<()> {
        let writes = snapshot.state();
        let mut state = self.state.lock().unwrap();
        (state.writes, state.applied) = (writes, meta.last_log_id);
        state.membership = meta.last_membership.clone();
        state.snapshots += 1;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, D>>> {
        Ok(Some(self.build_snapshot().await?))
    }
}
