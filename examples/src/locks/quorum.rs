//! [`QuorumLock`]: requests a lock from all nodes at once, and tries again until the deadline.

use std::time::Duration;

use futures_util::stream::StreamExt;
use grid::{Group, Manager};
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
    nodes: Group<LocksClient>,
    resource: String,
    timing: Timing,
}

impl QuorumLock {
    /// Creates a lock over these nodes, which must serve [`Locks`](super::Locks) with the same timing. All users of
    /// this resource must use the same nodes.
    pub fn new(nodes: Group<LocksClient>, resource: &str, timing: Timing) -> Self {
        Self { nodes, resource: resource.to_owned(), timing }
    }

    /// Creates a lock over all nodes of a grid.
    pub fn on(manager: &Manager, resource: &str, timing: Timing) -> Self {
        let nodes = LocksClient::group(manager, manager.hosts());
        Self::new(nodes.expect("the manager's own list has them"), resource, timing)
    }

    /// Acquires the lock for writing: it has no other holder then.
    ///
    /// # Errors
    /// [`NotLocked`] if a quorum has not granted it `within` that time.
    ///
    /// # Cancel safety
    /// If the future is dropped, whatever the nodes have granted is released in the background.
    pub async fn write(&self, within: Duration) -> Result<Guard, NotLocked> {
        self.get(Mode::Write, within).await
    }

    /// Acquires the lock for reading: all other holders are readers.
    ///
    /// # Errors
    /// [`NotLocked`] if a quorum has not granted it `within` that time.
    ///
    /// # Cancel safety
    /// If the future is dropped, whatever the nodes have granted is released in the background.
    pub async fn read(&self, within: Duration) -> Result<Guard, NotLocked> {
        self.get(Mode::Read, within).await
    }

    /// Releases the lock on all nodes, whoever holds it. For operators. Returns on how many nodes it was locked.
    ///
    /// The holders notice at their next refresh. Until then the lock may have another holder.
    pub async fn force_unlock(&self) -> usize {
        let call_timeout = self.timing.call_timeout;
        let calls =
            self.nodes.ask(|node| node.force_unlock(self.resource.clone()).timeout(call_timeout));
        calls.all().await.iter().filter(|outcome| outcome.result == Ok(true)).count()
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

    /// Requests the lock once from all nodes. Returns as soon as the outcome is certain; if granted, the guard receives
    /// the remaining answers.
    async fn attempt(&self, mode: Mode, deadline: Instant) -> Result<Guard, NotLocked> {
        // In this order, so that the calls are dropped before the claim, which releases the lock.
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
            if self.nodes.len() - refused - unreachable < leases.needed() {
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

/// A lock was not granted in time. The numbers are of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no lock on {resource} within {within:?}: it takes {needed} of {nodes} nodes, but {refused} refused and {unreachable} did not answer"
)]
#[non_exhaustive]
pub struct NotLocked {
    /// The resource.
    pub resource: String,
    /// The time limit of the call.
    pub within: Duration,
    /// Number of nodes.
    pub nodes: usize,
    /// Number of nodes that must grant the lock.
    pub needed: usize,
    /// Number of nodes that refused because of another holder, as far as known when the attempt ended.
    pub refused: usize,
    /// Number of nodes that could not be reached or did not answer.
    pub unreachable: usize,
}
