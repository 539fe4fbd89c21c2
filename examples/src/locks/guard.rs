//! [`Guard`]: a lock that is held, and the task that keeps it.

use futures_util::stream::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::claim::{Answer, Answers, Claim};
use super::leases::Leases;

/// A lock that is held and refreshed until this is dropped, or unlocked.
///
/// Dropped, it is given back in the background.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct Guard {
    resource: String,
    /// Dropped with the guard, which tells the keeper to give the lock back.
    release: oneshot::Sender<()>,
    lost: watch::Receiver<bool>,
    /// Ends by itself soon after the guard is gone, since each of its calls has a time-out. Says whether the lock was held to the end.
    keeper: JoinHandle<bool>,
}

/// Others may have had the lock at the same time.
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

    /// Ready when the lock is lost: work that relies on it must stop.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn lost(&self) {
        // An error means that the keeper is gone, with the runtime: then nobody refreshes either.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// Whether the lock is lost.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Gives the lock back, and waits until the nodes have heard of it.
    ///
    /// # Errors
    /// [`Lost`] if the lock was not held all the time.
    ///
    /// # Cancel safety
    /// Dropped, it goes on in the background.
    pub async fn unlock(self) -> Result<(), Lost> {
        let Self { resource, release, keeper, .. } = self;
        drop(release);
        if keeper.await.is_ok_and(|held| held) { Ok(()) } else { Err(Lost { resource }) }
    }
}

/// Refreshes the lock until it is released or lost, and gives it back.
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
            biased; // Time first: a lock that has run out must not pass for held because something else is ready as well.
            () = sleep_until(safe_until) => break false,
            _ = &mut released => break true,
            Some(Answer { node, asked, held }) = answers.next() => {
                // A node that cannot be asked keeps what it has promised; its lease runs out by itself.
                if let Ok(held) = held {
                    leases.note(node, asked, held);
                }
            }
            _ = refresh.tick() => claim.refresh(&answers),
        }
    };
    if !held {
        lost.send_replace(true);
        // What is left of the lock stays until its holder has stopped working.
        let _ = released.await;
    }
    drop(answers);
    claim.release().await;
    held
}
