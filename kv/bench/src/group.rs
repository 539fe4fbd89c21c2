//! [`Group`]: three nodes of one contender in this process, each with a runtime of its own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use grid_kv::model::Types;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::storage::RaftStateMachine;
use openraft::{BasicNode, RaftMetrics};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::cell::Contender;
use crate::error::Result;
use crate::net::{Node, Place, Registry, start};
use crate::store::Store;

/// Worker threads of a node.
const WORKERS: usize = 2;

/// How long a group may take to begin, and each of its steps.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(300);

/// How often something is looked at that has no event.
const LOOK: Duration = Duration::from_millis(5);

/// A node, and the runtime that it lives in.
pub(crate) struct Member<SM: RaftStateMachine<Types>> {
    pub(crate) place: Place,
    pub(crate) node: Node<SM>,
    pub(crate) runtime: Runtime,
}

impl<SM: RaftStateMachine<Types>> Member<SM> {
    pub(crate) fn metrics(&self) -> RaftMetrics<Types> {
        self.node.raft.metrics().borrow_watched().clone()
    }
}

/// Three nodes.
pub(crate) struct Group<S: Store> {
    pub(crate) members: Vec<Member<S::Machine>>,
    pub(crate) registry: Registry<S::Machine>,
    /// It has the files of the stores.
    folder: TempDir,
    padding: u64,
}

/// A runtime for one node.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?)
}

/// A free port, and the address of it.
pub(crate) fn listen() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let name = format!("http://{}", listener.local_addr()?);
    Ok((listener, name))
}

impl<S: Store> Group<S> {
    /// Starts a group, and waits until it has a leader that all nodes know.
    pub(crate) fn start(contender: Contender, padding: u64) -> Result<Self> {
        let listeners = [listen()?, listen()?, listen()?];
        let names = listeners.iter().zip(1..).map(|((_, name), id)| (id, name.clone()));
        let names: Vec<(u64, String)> = names.collect();
        let folder = TempDir::new()?;
        let mut group =
            Self { members: Vec::new(), registry: Registry::default(), folder, padding };
        for ((listener, name), id) in listeners.into_iter().zip(1..) {
            let place = Place { id, name, names: names.clone() };
            group.add(contender, place, listener)?;
        }
        let members: BTreeMap<_, _> =
            names.into_iter().map(|(id, name)| (id, BasicNode::new(name))).collect();
        let first = &group.members[0];
        first.runtime.block_on(first.node.raft.initialize(members))?;
        group.wait_for_leader()?;
        Ok(group)
    }

    /// Starts a node in this process.
    pub(crate) fn add(
        &mut self,
        contender: Contender,
        place: Place,
        listener: TcpListener,
    ) -> Result<()> {
        let folder = self.folder.path().join(place.id.to_string());
        std::fs::create_dir_all(&folder)?;
        let runtime = runtime()?;
        let node = runtime.block_on(async {
            let store = S::open(&folder, self.padding)?;
            start::<S>(contender, &place, listener, store, &self.registry).await
        })?;
        self.members.push(Member { place, node, runtime });
        Ok(())
    }

    /// Waits until all nodes agree who leads, and the leader has committed an entry.
    pub(crate) fn wait_for_leader(&self) -> Result<()> {
        wait("a leader", || {
            let mut leaders = self.members.iter().map(|member| {
                let metrics = member.metrics();
                metrics.last_applied.and(metrics.current_leader)
            });
            let first = leaders.next().flatten();
            Ok(first.is_some() && leaders.all(|leader| leader == first))
        })
    }

    /// The place of the leader in `members`.
    pub(crate) fn leader(&self) -> Result<usize> {
        let leads = |member: &Member<_>| member.metrics().state.is_leader();
        Ok(self.members.iter().position(leads).ok_or("there is no leader")?)
    }

    /// Ends the nodes without waiting for anybody: the process ends, too, or has other groups.
    pub(crate) fn end(self) {
        for member in self.members {
            member.runtime.shutdown_background();
        }
    }
}

/// Waits until something is so.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > STEP_MAX {
            return Err(format!("{what}: not within {STEP_MAX:?}").into());
        }
        sleep(LOOK);
    }
    Ok(())
}
