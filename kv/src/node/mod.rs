//! A node: [`Node::build`] opens the storage and starts the raft. Its [`Manager`] lets others connect.

mod access;
mod api;
mod cluster;
mod leader;
mod names;
mod purge;
mod raft;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use grid::{BuildError, Manager};
use grid_openraft::{RaftGroup, RaftMembers};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{Fatal, InitializeError, RaftError};
use openraft::{BasicNode, Config, Raft, SnapshotPolicy};
use tokio::fs::File;

pub use self::access::{Role, guests};
use self::api::Api;
pub use self::leader::{NoLeader, NotLinked};
use self::purge::Purging;
pub use self::raft::KvRaft;
pub use self::settings::{ELECTION_TIMEOUT_MIN, Peer, Settings};
use crate::model::Types;
use crate::service::{ClusterServer, KvServer};
use crate::store::{self, Machine, State};

/// Why a node has not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings do not fit together.
    #[error("{0}")]
    Settings(String),
    /// The storage cannot be opened.
    #[error("cannot open the storage in {folder}: {reason}")]
    Storage {
        /// The folder.
        folder: String,
        /// The cause.
        reason: io::Error,
    },
    /// The node of the grid cannot be built.
    #[error("cannot build the node: {0}")]
    Grid(BuildError),
    /// openraft has refused to start.
    #[error("cannot start the raft: {0}")]
    Raft(String),
}

/// The longest that a leader which shuts down waits for another one. If there is none, the others elect one a little later.
const TRANSFER_MAX: Duration = Duration::from_secs(2);

/// A running node. Dropping it does not stop it: call [`shutdown`](Self::shutdown).
#[derive(Debug, Clone)]
pub struct Node {
    manager: Manager,
    raft: KvRaft,
    state: Arc<State>,
    api: Api,
    group: RaftGroup<Types, Machine>,
    purging: Purging,
}

impl Node {
    /// Opens the storage, builds the node of the grid with what `configure` adds to it, and starts the raft. A node with an empty
    /// log initialises the group of [`Settings::peers`], unless it joins one.
    ///
    /// # Errors
    /// All of [`StartError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a raft that runs without its node.
    pub async fn build(
        settings: &Settings,
        configure: impl FnOnce(grid::Builder) -> grid::Builder,
    ) -> Result<Self, StartError> {
        let id = settings.check().map_err(StartError::Settings)?;
        let (log, machine) = store::open_with(&settings.data, settings.sync, &*settings.files)
            .map_err(|reason| StartError::Storage {
                folder: settings.data.display().to_string(),
                reason,
            })?;
        let state = machine.state();
        let folder = settings.data.clone();
        // Received snapshots are files without a name, on the disk that the state is on.
        let group = RaftGroup::new("kv", move || {
            let folder = folder.clone();
            async move { Ok(File::from_std(tempfile::tempfile_in(folder)?)) }
        });
        let api = Api::new(Arc::clone(&state), group.clone());
        let builder = Manager::builder(&settings.name)
            .hosts(settings.peers.iter().map(|peer| &peer.name))
            .service(group.clone())
            .service(KvServer::new(api.clone()))
            .service(ClusterServer::new(api.clone()));
        let manager = configure(builder).build().map_err(StartError::Grid)?;
        let network =
            group.network(&manager, id).with_snapshot_rate(settings.snapshot_rate.clone());
        let raft = Raft::new(id, config(settings)?, network, log.clone(), machine)
            .await
            .map_err(|error: Fatal<Types>| StartError::Raft(error.to_string()))?;
        group.start(raft.clone());
        let purging = Purging::start(raft.clone(), log, settings.log_bytes_max);
        let names = settings.peers.iter().map(|peer| peer.name.clone());
        manager.members().follow(RaftMembers::new(&manager, names).group(&group, &raft));
        let node = Self { manager, raft, state, api, group, purging };
        if !settings.join
            && let Err(error) = node.initialise(settings).await
        {
            node.stop().await;
            return Err(error);
        }
        Ok(node)
    }

    /// All nodes do so with the same members, so it does not matter which of them is first.
    async fn initialise(&self, settings: &Settings) -> Result<(), StartError> {
        let members: BTreeMap<_, _> =
            settings.peers.iter().map(|peer| (peer.id, BasicNode::new(&peer.name))).collect();
        match self.raft.initialize(members).await {
            // It has a log already: it was here before.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(StartError::Raft(error.to_string())),
        }
    }

    /// The node of the grid.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The raft.
    pub fn raft(&self) -> &KvRaft {
        &self.raft
    }

    /// What the node has applied.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Passes the leadership on if the node has it, then stops the raft, and lets running calls finish for up to `grace`.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the raft running.
    pub async fn shutdown(&self, grace: Duration) {
        let within = grace.min(TRANSFER_MAX);
        self.pass_on(within).await;
        // They are in the log, and end when the next leader has told what became of them. It could not any more after that: a node
        // that shuts down takes no new calls, also not those of the raft.
        let _ = tokio::time::timeout(within, self.api.idle()).await;
        // First: its streams would last for all of the grace.
        self.stop().await;
        self.manager.shutdown(grace).await;
    }

    /// Stops the raft at once, as a crash would: the others notice that the leader is missing when they miss its heartbeats.
    ///
    /// The storage is closed when all clones of this node and of its manager are dropped, and a write that runs has ended.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the raft running.
    pub async fn stop(&self) {
        self.purging.stop().await;
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!("the raft has ended with an error: {error}");
        }
        self.group.stop();
    }
}

impl Node {
    /// Makes the voter that has most of the log the leader, so that clients need not wait for an election.
    async fn pass_on(&self, within: Duration) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let id = metrics.id;
        let Some(replication) = metrics.replication.filter(|_| metrics.state.is_leader()) else {
            return;
        };
        let membership = metrics.membership_config.membership();
        let voters = membership.voter_ids().filter(|voter| *voter != id);
        let Some(next) = voters.max_by_key(|voter| replication.get(voter).cloned().flatten())
        else {
            return;
        };
        if self.raft.trigger().transfer_leader(next).await.is_err() {
            return;
        }
        // Not only that this node does not lead any more: it has given its vote then, and if it ended before that has arrived, the
        // others would have to wait until its lease is over.
        let other = |metrics: &openraft::RaftMetrics<Types>| {
            metrics.current_leader.is_some_and(|leader| leader != id)
        };
        let waiting = self.raft.wait(Some(within));
        if waiting.metrics(other, "another leader").await.is_err() {
            tracing::warn!(next, "no other node has become the leader within {within:?}");
        }
    }
}

fn config(settings: &Settings) -> Result<Arc<Config>, StartError> {
    let election = u64::try_from(settings.election_timeout.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: "kv".to_owned(),
        // openraft picks a random time between the two, so that two nodes rarely stand for election at once.
        election_timeout_min: election,
        election_timeout_max: election.saturating_mul(2),
        heartbeat_interval: (election / 5).max(1),
        // The time for a link that was lost to come back, and for a disk that is slow.
        install_snapshot_timeout: 20_000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(settings.snapshot_entries),
        // openraft purges nothing by itself: `purge.rs` does, and says why.
        max_in_snapshot_log_to_keep: u64::MAX,
        // A node that was away does not depose the leader when it is back.
        enable_pre_vote: Some(true),
        // A restarted leader would lead again without an election, and answer reads before it knows what it had committed: what is
        // known of that is stored later than it is acknowledged. After an election it commits an entry of its own first.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| StartError::Settings(error.to_string()))?;
    Ok(Arc::new(config))
}
