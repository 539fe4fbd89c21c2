//! [`Guard`]: a held lock, and the task that refreshes it.

use futures_util::stream::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::claim::{Answer, Answers, Claim};
use super::leases::Leases;

/// A lock that is held and refreshed until the guard is unlocked or dropped.
///
/// Dropping it releases the lock in the background.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct Guard {
    resource: String,
    /// Dropped with the guard, which tells the keeper to release the lock.
    release: oneshot::Sender<()>,
    lost: watch::Receiver<bool>,
    /// Ends soon after the guard is dropped, because each of its calls has a time-out. Returns whether the lock was
    /// held to the end.
    keeper: JoinHandle<bool>,
}

/// The lock was lost: another holder may have had it at the same time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lost the lock on {resource}: too few nodes have confirmed it in time")]
#[non_exhaustive]
pub struct Lost {
    /// What was locked.
    pub resource: String,
}

impl Guard {
    pub(super) fn new(claim: Claim, leases: Leases, answers: Answers) -> Self {
        let resource = claim.resource.clone();
        let (release, released) = oneshot::channel();
        let (tell, lost) = watch::channel(false);
        let keeper = tokio::spawn(keep(claim, leases, answers, released, tell));
        Self { resource, release, lost, keeper }
    }

    /// Completes when the lock is lost. Work that relies on the lock must stop then.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn lost(&self) {
        // An error means that the keeper is gone with its runtime, so the lock is not refreshed any more.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// Whether the lock is lost.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Releases the lock and waits until the nodes have answered or timed out.
    ///
    /// # Errors
    /// [`Lost`] if the lock was lost before.
    ///
    /// # Cancel safety
    /// If the future is dropped, the release continues in the background.
    pub async fn unlock(self) -> Result<(), Lost> {
        let Self { resource, release, keeper, .. } = self;
        drop(release);
        if keeper.await.is_ok_and(|held| held) { Ok(()) } else { Err(Lost { resource }) }
    }
}

/// Refreshes the lock until it is released or lost, then releases it. Returns whether it was held to the end.
async fn keep(
    claim: Claim,
    mut leases: Leases,
    mut answers: Answers,
    mut released: oneshot::Receiver<()>,
    lost: watch::Sender<bool>,
) -> bool {
    let every = claim.timing.refresh_every;
    let mut refresh = interval_at(Instant::now() + every, every);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let held = loop {
        let Some(safe_until) = leases.safe_until() else { break false };
        tokio::select! {
            biased; // Expiry first: an expired lock must not count as held because another branch is ready too.
            () = sleep_until(safe_until) => break false,
            _ = &mut released => break true,
            Some(Answer { node, asked, held }) = answers.next() => {
                // A node that could not be reached still keeps its lease until the lease expires.
                if let Ok(held) = held {
                    leases.note(node, asked, held);
                }
            }
            _ = refresh.tick() => claim.refresh(&mut answers),
        }
    };
    if !held {
        lost.send_replace(true);
        // The remaining leases stay until the holder has stopped working.
        let _ = released.await;
    }
    drop(answers);
    claim.release().await;
    held
}
