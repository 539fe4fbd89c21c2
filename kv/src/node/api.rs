//! [`Api`]: the service [`Kv`] of a node.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use grid::Outgoing;
use grid_openraft::RaftGroup;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{
    ClientWriteError, Fatal, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::raft::ReadPolicy;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::raft::KvRaft;
use crate::model::{Command, Outcome, Types, Write, refused};
use crate::service::{
    Consistency, Entry, GetRequest, GetResponse, Kv, KvError, Member, ScanRequest, Status,
    WatchRequest, Watched,
};
use crate::store::{Changes, Machine, State};

/// Bytes that are read at once for a scan or a watch, so that no transaction is open while a slow client reads.
const READ_BYTES: usize = 1 << 20;

/// How often a watch looks whether the node still is the leader, and tells the client how far it is.
const LEADER_CHECK: Duration = Duration::from_secs(1);

/// The services of a node. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Api {
    state: Arc<State>,
    /// It has the raft, which needs the node, which needs its services.
    group: RaftGroup<Types, Machine>,
    /// Commands that are being replicated for clients.
    replicating: watch::Sender<usize>,
}

impl Api {
    pub(super) fn new(state: Arc<State>, group: RaftGroup<Types, Machine>) -> Self {
        Self { state, group, replicating: watch::Sender::new(0) }
    }

    pub(super) fn raft(&self) -> Result<KvRaft, KvError> {
        // As before an election: the caller goes to another node, or comes again.
        self.group.raft().ok_or(KvError::NotLeader { leader: None })
    }

    /// Waits until what this node has applied is new enough.
    pub(super) async fn ensure(&self, consistency: Consistency) -> Result<(), KvError> {
        let policy = match consistency {
            Consistency::Linearizable => ReadPolicy::ReadIndex,
            Consistency::Lease => ReadPolicy::LeaseRead,
            Consistency::Stale => return Ok(()),
        };
        match self.raft()?.ensure_linearizable(policy).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
                Err(KvError::NotLeader { leader: leader(to) })
            }
            Err(RaftError::APIError(error @ LinearizableReadError::QuorumNotEnough(_))) => {
                Err(KvError::NoMajority { reason: error.to_string() })
            }
            Err(RaftError::Fatal(Fatal::Stopped)) => Err(KvError::NotLeader { leader: None }),
            Err(RaftError::Fatal(error)) => Err(KvError::Failed { reason: error.to_string() }),
        }
    }

    /// Whether there will be changes.
    fn ensure_running(&self) -> Result<(), KvError> {
        match &self.raft()?.metrics().borrow_watched().running_state {
            Ok(()) => Ok(()),
            Err(_) => Err(KvError::NotLeader { leader: None }),
        }
    }

    /// Reads in a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State) -> io::Result<T> + Send + 'static,
    ) -> Result<T, KvError> {
        let state = Arc::clone(&self.state);
        let read = spawn_blocking(move || read(&state)).await.map_err(io::Error::from)?;
        Ok(read?)
    }

    /// Waits until no command is being replicated.
    pub(super) async fn idle(&self) {
        // It only fails if there is no sender, and `self` has one.
        let _ = self.replicating.subscribe().wait_for(|count| *count == 0).await;
    }

    async fn replicate(&self, command: Command) -> Result<Outcome, KvError> {
        let _counted = Counted::new(&self.replicating);
        let written = self.raft()?.client_write(command).await;
        written.map(|written| written.response().clone()).map_err(write_error)
    }
}

/// Counts while it exists, also if the caller leaves.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

fn leader(to: ForwardToLeader<Types>) -> Option<String> {
    to.leader_node.map(|node| node.addr)
}

/// What a failed write or change of members is for clients.
pub(super) fn write_error(error: RaftError<Types, ClientWriteError<Types>>) -> KvError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
            KvError::NotLeader { leader: leader(to) }
        }
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(to)) => {
            KvError::LeaderChanged { leader: leader(to) }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            KvError::Members { reason: error.to_string() }
        }
        RaftError::APIError(error @ ClientWriteError::PreconditionFailed(_)) => {
            KvError::Members { reason: error.to_string() }
        }
        // The entry may be in the log, and others may commit it.
        RaftError::Fatal(Fatal::Stopped) => KvError::LeaderChanged { leader: None },
        RaftError::Fatal(error) => KvError::Failed { reason: error.to_string() },
    }
}

impl Kv for Api {
    async fn get(&self, request: GetRequest) -> Result<GetResponse, KvError> {
        self.ensure(request.consistency).await?;
        self.read(move |state| {
            // Before the read: a revision that is too late would make a watch miss the changes in between.
            let revision = state.revision();
            Ok(GetResponse { item: state.get(&request.key)?, revision })
        })
        .await
    }

    async fn open(&self) -> Result<u64, KvError> {
        match self.replicate(Command::Open).await? {
            Outcome::Opened { session } => Ok(session),
            other => Err(KvError::Failed { reason: format!("not a session: {other}") }),
        }
    }

    async fn write(&self, write: Write) -> Result<Outcome, KvError> {
        match refused(&write.ops) {
            Some(reason) => Err(KvError::TooLarge { reason }),
            None => self.replicate(Command::Write(write)).await,
        }
    }

    async fn scan(&self, request: ScanRequest, mut out: Outgoing<Entry>) -> Result<(), KvError> {
        self.ensure(request.consistency).await?;
        let (mut after, mut left) = (request.after, request.limit.unwrap_or(u64::MAX));
        loop {
            let (prefix, from) = (request.prefix.clone(), after.clone());
            let found =
                self.read(move |state| state.scan(&prefix, from.as_deref(), READ_BYTES)).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, item) in found {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                out.send(Entry { key, item }).await?;
            }
        }
    }

    async fn watch(
        &self,
        request: WatchRequest,
        mut out: Outgoing<Watched>,
    ) -> Result<(), KvError> {
        self.ensure(request.consistency).await?;
        let mut revisions = self.state.revisions();
        let latest = self.state.revision();
        let mut after = request.after.unwrap_or(latest);
        // A stale node may not have it yet.
        if after > latest && request.consistency != Consistency::Stale {
            let reason = format!(
                "revision {after} is not written yet, the latest one is {latest}: watch from that one on, or from now on"
            );
            return Err(KvError::Invalid { reason });
        }
        let mut told = after;
        let mut checks = interval(LEADER_CHECK);
        loop {
            revisions.borrow_and_update();
            let next = self.read(move |state| state.changes(after, READ_BYTES)).await?;
            let events = match next {
                Changes::Compacted { upto } => return Err(KvError::Compacted { upto }),
                Changes::Next(events) => events,
            };
            if let Some(last) = events.last() {
                after = last.revision;
                for event in events {
                    if event.key.starts_with(&request.prefix) {
                        out.send(Watched::Change(event)).await?;
                    }
                }
                continue;
            }
            tokio::select! {
                changed = revisions.changed() => changed.map_err(|_| KvError::Gone)?,
                _ = checks.tick() => {
                    match request.consistency {
                        Consistency::Stale => self.ensure_running()?,
                        // Enough to notice that others have elected another leader.
                        _ => self.ensure(Consistency::Lease).await?,
                    }
                    if told != after {
                        told = after;
                        out.send(Watched::Upto(after)).await?;
                    }
                }
            }
        }
    }

    async fn status(&self) -> Result<Status, KvError> {
        let raft = self.raft()?;
        let metrics = raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let member = |(id, node): (&u64, &openraft::BasicNode)| Member {
            id: *id,
            name: node.addr.clone(),
            is_voter: voters.contains(id),
        };
        let members: Vec<_> = membership.nodes().map(member).collect();
        let leads = |member: &&Member| Some(member.id) == metrics.current_leader;
        Ok(Status {
            id: metrics.id,
            role: role(metrics.state).to_owned(),
            term: metrics.current_term,
            leader: members.iter().find(leads).map(|member| member.name.clone()),
            last_log: metrics.last_log_index,
            applied: metrics.last_applied.map(|id| id.index),
            snapshot: metrics.snapshot.map(|id| id.index),
            revision: self.state.revision(),
            members,
        })
    }
}

fn role(state: ServerState) -> &'static str {
    match state {
        ServerState::Learner => "learner",
        ServerState::Follower => "follower",
        ServerState::Candidate => "candidate",
        ServerState::Leader => "leader",
        ServerState::Shutdown => "stopped",
    }
}
