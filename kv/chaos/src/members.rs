//! Changes of members while faults go on: three become five, and three again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grid_kv::client::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::site::{self, MEMBERS, PLACES};

/// How long a number of members stays, so that there are faults with each.
const STAY: Duration = Duration::from_secs(10);

/// The pause before a change that has failed is made again.
const AGAIN: Duration = Duration::from_millis(500);

/// The time of one attempt. A node that is added needs the state, and a fault may last longer than that.
const ATTEMPT: Duration = Duration::from_secs(20);

/// Attempts of one change. Each comes after a fault at most, and those last some seconds.
const ATTEMPTS_MAX: u32 = 30;

/// Changes the members.
#[derive(Debug)]
pub(crate) struct Members {
    fleet: Arc<Fleet>,
    journal: Arc<Journal>,
    operator: Client,
    changes: AtomicU64,
    unconfirmed: AtomicU64,
    is_changing: AtomicBool,
}

impl Members {
    pub(crate) fn new(fleet: &Arc<Fleet>, journal: &Arc<Journal>) -> Self {
        Self {
            fleet: Arc::clone(fleet),
            journal: Arc::clone(journal),
            operator: fleet.operator().with_timeout(ATTEMPT),
            changes: AtomicU64::default(),
            unconfirmed: AtomicU64::default(),
            is_changing: AtomicBool::default(),
        }
    }

    /// Changes that were made, and attempts of which it was not known afterwards whether they were.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.changes.load(Ordering::Relaxed), self.unconfirmed.load(Ordering::Relaxed))
    }

    /// Whether a change is being made, or five are members.
    pub(crate) fn is_changing(&self) -> bool {
        self.is_changing.load(Ordering::Relaxed)
    }

    /// Adds and removes members until it is told to stop. Ends with three.
    pub(crate) async fn run(&self, stopped: watch::Receiver<bool>) -> io::Result<()> {
        let places = MEMBERS..PLACES;
        wait(&stopped).await;
        while !*stopped.borrow() {
            self.is_changing.store(true, Ordering::Relaxed);
            let mut added = Vec::new();
            for place in places.clone() {
                let id = self.fleet.settle(place).await?;
                self.change(id, true).await?;
                added.push(id);
            }
            wait(&stopped).await;
            for id in added {
                self.change(id, false).await?;
                self.fleet.clear(site::place(id)).await?;
            }
            self.is_changing.store(false, Ordering::Relaxed);
            wait(&stopped).await;
        }
        Ok(())
    }

    /// Adds a node, or removes it, in as many attempts as it takes.
    async fn change(&self, id: u64, adds: bool) -> io::Result<()> {
        let name = site::name(id);
        let what = if adds { "add" } else { "remove" };
        for _ in 0..ATTEMPTS_MAX {
            let result = self.operator.change_member(id, adds.then(|| name.clone())).await;
            self.journal.note(&format!("{what} {name}: {result:?}"));
            // Whatever the answer is: of a call that was cut off it is not known whether it was done.
            if self.is_member(id).await == Some(adds) {
                self.changes.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            self.unconfirmed.fetch_add(1, Ordering::Relaxed);
            sleep(AGAIN).await;
        }
        Err(io::Error::other(format!("cannot {what} {name} in {ATTEMPTS_MAX} attempts")))
    }

    /// Whether the leader has it as a member with a vote, or does not have it at all.
    async fn is_member(&self, id: u64) -> Option<bool> {
        let leader = self.fleet.leader(&self.operator).await?;
        // A leader that is not one any more does not know: ask for something that it could not do then.
        self.operator.clone().with_timeout(ATTEMPT).revision().await.ok()?;
        let again = self.fleet.leader(&self.operator).await?;
        if (again.id, again.term) != (leader.id, leader.term) {
            return None;
        }
        match again.members.iter().find(|member| member.id == id) {
            Some(member) => member.is_voter.then_some(true),
            None => Some(false),
        }
    }
}

/// Waits for a while, or until it is told to stop.
async fn wait(stopped: &watch::Receiver<bool>) {
    let until = Instant::now() + STAY;
    let mut stopped = stopped.clone();
    let _ = tokio::time::timeout_at(until, stopped.wait_for(|stopped| *stopped)).await;
}
