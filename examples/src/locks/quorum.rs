//! [`QuorumLock`]: asks all nodes at once for a lock, and again until there is time no more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use grid::Manager;
use tokio::time::{Instant, sleep_until};

use super::Timing;
use super::claim::Claim;
use super::guard::Guard;
use super::leases::Leases;
use super::service::LocksClient;
use super::table::Mode;

/// One resource that can be locked for all nodes.
///
/// ```
/// use std::time::Duration;
/// use grid_examples::locks::{LockTable, LocksServer, QuorumLock, Timing};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let timing = Timing::default();
/// let manager = grid::Manager::builder("http://node1:9000")
///     .service(LocksServer::new(LockTable::new(&timing)))
///     .build()?;
/// let bucket = QuorumLock::on(&manager, "bucket1", timing);
/// let guard = bucket.write(Duration::from_secs(5)).await?;
/// tokio::select! {
///     () = async { /* the work */ } => {}
///     () = guard.lost() => println!("stopped: somebody else may have the lock"),
/// }
/// guard.unlock().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct QuorumLock {
    nodes: Arc<[LocksClient]>,
    resource: String,
    timing: Timing,
}

impl QuorumLock {
    /// A lock over these nodes, which serve [`Locks`](super::Locks) with the same timing. Everybody who locks this
    /// resource must ask the same ones.
    pub fn new(
        nodes: impl IntoIterator<Item = LocksClient>,
        resource: &str,
        timing: Timing,
    ) -> Self {
        Self { nodes: nodes.into_iter().collect(), resource: resource.to_owned(), timing }
    }

    /// A lock over all nodes of a grid.
    pub fn on(manager: &Manager, resource: &str, timing: Timing) -> Self {
        let nodes = manager.hosts().map(|host| {
            LocksClient::new(manager.connection(host).expect("the manager's own list has it"))
        });
        Self::new(nodes, resource, timing)
    }

    /// Gets the lock for writing: nobody else has it then.
    ///
    /// # Errors
    /// [`NotLocked`] if a quorum did not grant it `within` that time.
    ///
    /// # Cancel safety
    /// Dropped, it gives back what it has got.
    pub async fn write(&self, within: Duration) -> Result<Guard, NotLocked> {
        self.get(Mode::Write, within).await
    }

    /// Gets the lock for reading: only readers have it then.
    ///
    /// # Errors
    /// [`NotLocked`] if a quorum did not grant it `within` that time.
    ///
    /// # Cancel safety
    /// Dropped, it gives back what it has got.
    pub async fn read(&self, within: Duration) -> Result<Guard, NotLocked> {
        self.get(Mode::Read, within).await
    }

    /// Takes the lock from all who hold it, for operators, and says how many nodes had it locked.
    ///
    /// The holders learn of it at their next refresh, so for that long there may be two.
    pub async fn force_unlock(&self) -> usize {
        let calls = self
            .nodes
            .iter()
            .map(|node| node.force_unlock(self.resource.clone()).timeout(self.timing.call_timeout));
        let calls: FuturesUnordered<_> = calls.collect();
        calls.filter(|held| std::future::ready(matches!(held, Ok(true)))).count().await
    }

    async fn get(&self, mode: Mode, within: Duration) -> Result<Guard, NotLocked> {
        let deadline = Instant::now() + within;
        loop {
            let refused = match self.attempt(mode, deadline).await {
                Ok(guard) => return Ok(guard),
                Err(refused) => refused,
            };
            let next = Instant::now() + self.pause();
            if next >= deadline {
                return Err(NotLocked { within, ..refused });
            }
            sleep_until(next).await;
        }
    }

    /// Asks all nodes once. Ready as soon as it is decided; a granted lock goes on collecting answers in its guard.
    async fn attempt(&self, mode: Mode, deadline: Instant) -> Result<Guard, NotLocked> {
        // In this order, so that the calls are dropped before the claim is given back.
        let Self { nodes, resource, timing } = self.clone();
        let claim = Claim::new(nodes, resource, mode, timing);
        let mut answers = claim.acquire(deadline.min(Instant::now() + self.timing.call_timeout));
        let mut leases = Leases::new(self.nodes.len(), mode, self.timing.expires_after);
        let (mut refused, mut unreachable) = (0, 0);
        while let Some(answer) = answers.next().await {
            match answer.held {
                Ok(true) => leases.note(answer.node, answer.asked, true),
                Ok(false) => refused += 1,
                Err(_) => unreachable += 1,
            }
            if leases.held() >= leases.needed() {
                return Ok(Guard::new(claim, leases, answers));
            }
            if leases.held() + answers.len() < leases.needed() {
                break;
            }
        }
        let resource = self.resource.clone();
        let (nodes, needed) = (self.nodes.len(), leases.needed());
        Err(NotLocked { resource, within: Duration::ZERO, nodes, needed, refused, unreachable })
    }

    fn pause(&self) -> Duration {
        let range = &self.timing.retry_after;
        if range.is_empty() { range.start } else { rand::random_range(range.clone()) }
    }
}

/// A lock was not granted in time; the numbers are those of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no lock on {resource} within {within:?}: it takes {needed} of {nodes} nodes, but {refused} refused and {unreachable} did not answer"
)]
#[non_exhaustive]
pub struct NotLocked {
    /// What was to be locked.
    pub resource: String,
    /// The time that was given.
    pub within: Duration,
    /// Nodes of the grid.
    pub nodes: usize,
    /// Nodes that must grant the lock.
    pub needed: usize,
    /// Nodes that have granted it to somebody else, as far as was known when the attempt was given up.
    pub refused: usize,
    /// Nodes that could not be asked or did not answer.
    pub unreachable: usize,
}
