//! [`RaftGroup`]: one group on one node, and the service of it that other nodes call.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use grid::{
    Context, Incoming, Manager, Outgoing, Raw, RegisterError, Registrar, RemoteError, Service,
};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::raft::AppendEntriesRequest;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{Raft, RaftTypeConfig};
use serde::Serialize;
use tokio::sync::watch;

use crate::network::GridNetwork;
use crate::snapshot::{Receiver, SnapshotData, SnapshotRate, alive};
use crate::wire::{Header, Memberships, Progress, Wire, WireServer, decode, encode, text};

/// One group on one node: its service, and its network.
///
/// A node serves any number of groups. They share its links, and each has a path of its own, the same on all nodes.
///
/// The order is always this one, because a node knows its services when it is built, and openraft wants its network first:
///
/// 1. [`new`](Self::new), and pass a clone to [`Builder::service`](grid::Builder::service);
/// 2. build the [`Manager`];
/// 3. create the [`Raft`] with [`network`](Self::network);
/// 4. [`start`](Self::start).
///
/// A service of yours is built in the second step as well: give it a clone of the group, for [`raft`](Self::raft).
///
/// The calls of guests are refused: see [`Guests`](grid::Guests). Those of all nodes of the grid are served, so a grid has to trust
/// its nodes, as openraft does.
///
/// Calls before the last step are refused, so their callers see
/// [`Unreachable`](openraft::errors::Unreachable) and come again.
///
/// The raft keeps the manager alive, which keeps its services alive, which keep the raft alive. Call
/// [`Raft::shutdown`] or [`stop`](Self::stop) when it is of no more use.
///
/// Cheap to clone; all clones are one group.
pub struct RaftGroup<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    pub(crate) path: Arc<str>,
    served: Arc<Served<C, SM>>,
}

/// What calls of other nodes need.
struct Served<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C>,
{
    raft: watch::Sender<Option<Raft<C, SM>>>,
    receiver: Receiver<SM::SnapshotData>,
}

impl<C, SM> RaftGroup<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    /// Creates a group with this path, which is the subroute of its service. An empty path is that of a node's only group.
    ///
    /// `create` makes the place for a snapshot that is about to be received, such as a temporary file. It must be empty, and another
    /// one for each call: two leaders may send at the same time. If it fails, the leader sees
    /// [`Unreachable`](openraft::errors::Unreachable) and tries again.
    pub fn new<F>(path: impl Into<Arc<str>>, create: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<SM::SnapshotData>> + Send + 'static,
    {
        let receiver = Receiver::new(Box::new(move || Box::pin(create())));
        let served = Served { raft: watch::Sender::default(), receiver };
        Self { path: path.into(), served: Arc::new(served) }
    }

    /// The network of the group for node `id`, which is the one of this manager.
    pub fn network(&self, manager: &Manager, id: C::NodeId) -> GridNetwork<C, SM::SnapshotData> {
        let (manager, path) = (manager.clone(), Arc::clone(&self.path));
        GridNetwork { manager, path, id, rate: SnapshotRate::default(), data: PhantomData }
    }

    /// Serves calls of other nodes from now on, in place of another raft if there was one, whose streams end.
    pub fn start(&self, raft: Raft<C, SM>) {
        self.served.raft.send_replace(Some(raft));
    }

    /// The raft that was passed to [`start`](Self::start). `None` before that, and after [`stop`](Self::stop).
    ///
    /// For a service of yours: it is built before the raft, so give it a clone of the group.
    pub fn raft(&self) -> Option<Raft<C, SM>> {
        self.served.raft.borrow().clone()
    }

    /// Refuses calls of other nodes from now on, and does not read further from those that send entries or a snapshot. The raft
    /// is not shut down.
    pub fn stop(&self) {
        self.served.raft.send_replace(None);
    }
}

impl<C, SM> Service for RaftGroup<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError> {
        WireServer::from_arc(self.served).register(&mut to.under(&self.path))
    }
}

impl<C, SM> Clone for RaftGroup<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    fn clone(&self) -> Self {
        Self { path: Arc::clone(&self.path), served: Arc::clone(&self.served) }
    }
}

impl<C, SM> fmt::Debug for RaftGroup<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftGroup").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<C, SM> Served<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C>,
{
    /// The raft, for a call of a node. A guest is not a member, and could end every term by a vote of its own.
    fn raft(&self, cx: &Context) -> Result<Raft<C, SM>, RemoteError> {
        if cx.is_guest() {
            return Err(RemoteError::new("guests are not members of a raft group"));
        }
        self.raft.borrow().clone().ok_or_else(not_running)
    }

    /// The raft, and what is ready when a stream to it should end: it has stopped or is not that of the group any more, or this
    /// node shuts down, which waits for its handlers. The leader never ends a stream by itself.
    fn raft_until(
        &self,
        cx: &Context,
    ) -> Result<(Raft<C, SM>, impl Future<Output = ()> + Send + use<C, SM>), RemoteError> {
        let (mut replaced, raft) = (self.raft.subscribe(), self.raft(cx)?);
        let (cx, mut metrics) = (cx.clone(), raft.server_metrics());
        let over = async move {
            tokio::select! {
                biased;
                () = cx.draining() => {}
                _ = replaced.changed() => {}
                () = async { while metrics.changed().await.is_ok() {} } => {}
            }
        };
        Ok((raft, over))
    }
}

impl<C, SM> Wire for Served<C, SM>
where
    C: RaftTypeConfig,
    SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
{
    async fn append(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError> {
        answer(self.raft(cx)?.append_entries(decode(&request).map_err(text)?).await)
    }

    async fn stream_append(
        &self,
        cx: &Context,
        first: Raw,
        requests: Incoming<Raw>,
        mut answers: Outgoing<Raw>,
    ) -> Result<(), RemoteError> {
        let (raft, over) = self.raft_until(cx)?;
        let first = decode(&first).map_err(text)?;
        let broken = Arc::new(OnceLock::new());
        // What was read before the end is still answered.
        let later = decoded(requests, Arc::clone(&broken)).take_until(over);
        let mut results = pin!(raft.stream_append(stream::iter([first]).chain(later)));
        while let Some(result) = results.next().await {
            answers.send(answer(result)?).await?;
        }
        broken.get().cloned().map_or(Ok(()), Err)
    }

    async fn vote(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError> {
        answer(self.raft(cx)?.vote(decode(&request).map_err(text)?).await)
    }

    async fn pre_vote(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError> {
        answer(self.raft(cx)?.pre_vote(decode(&request).map_err(text)?).await)
    }

    async fn transfer_leader(&self, cx: &Context, request: Raw) -> Result<Raw, RemoteError> {
        answer(self.raft(cx)?.handle_transfer_leader(decode(&request).map_err(text)?).await)
    }

    async fn install_snapshot(
        &self,
        cx: &Context,
        header: Raw,
        chunks: Incoming<Bytes>,
        mut progress: Outgoing<Raw>,
    ) -> Result<(), RemoteError> {
        let (raft, over) = self.raft_until(cx)?;
        let header: Header<C> = decode(&header).map_err(text)?;
        let snapshot = tokio::select! {
            biased;
            received = self.receiver.receive(&header, chunks, &mut progress) => received?,
            () = over => return Err(not_running()),
        };
        let snapshot = Snapshot { meta: header.meta.clone(), snapshot };
        let install = raft.install_full_snapshot(header.vote.clone(), snapshot);
        let response = alive(&header, &mut progress, install).await.map_err(text)?;
        Ok(progress.send(encode(&Progress::Installed(response)).map_err(text)?).await?)
    }

    async fn memberships(&self, cx: &Context, mut out: Outgoing<Raw>) -> Result<(), RemoteError> {
        let (raft, over) = self.raft_until(cx)?;
        let mut metrics = raft.server_metrics();
        drop(raft);
        let tell = async {
            let mut last = None;
            loop {
                let now = Memberships::of(&*metrics.borrow_watched());
                if last.as_ref() != Some(&now) {
                    out.send(encode(&now).map_err(text)?).await?;
                    last = Some(now);
                }
                if metrics.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        tokio::select! {
            biased;
            () = over => Ok(()),
            done = tell => done,
        }
    }
}

/// A refusal: nothing of the call was given to a raft.
fn not_running() -> RemoteError {
    RemoteError::overloaded("the raft of this group is not started, or stops", None)
}

/// The requests of a stream, up to the first that cannot be read. The reason for that is in `broken`.
fn decoded<C: RaftTypeConfig>(
    requests: Incoming<Raw>,
    broken: Arc<OnceLock<RemoteError>>,
) -> impl Stream<Item = AppendEntriesRequest<C>> + Send + 'static {
    stream::unfold((requests, broken), |(mut requests, broken)| async {
        let request = requests.next().await?.map_err(RemoteError::from);
        match request.and_then(|bytes| decode(&bytes).map_err(text)) {
            Ok(request) => Some((request, (requests, broken))),
            Err(error) => {
                broken.get_or_init(|| error);
                None
            }
        }
    })
}

/// The answer of a raft, or why it has none: it has stopped.
fn answer<E: fmt::Display>(result: Result<impl Serialize, E>) -> Result<Raw, RemoteError> {
    encode(&result.map_err(text)?).map_err(text)
}
