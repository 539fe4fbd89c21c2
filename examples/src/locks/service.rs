//! [`Locks`]: what the nodes ask each other, and [`LockTable`], which answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use grid::Context;
use tokio::time::Instant;

use super::Timing;
use super::table::{Mode, Table, Uid};

/// The lock table of one node.
///
/// Answers say whether the lock is held now, or was until now. All methods are `inline`: they never wait, so they run in
/// the order in which a link brings them. A release can therefore never overtake the request that it takes back.
#[grid::service]
pub trait Locks {
    /// Asks for a lock that nobody else holds.
    #[handler(inline)]
    async fn lock(&self, cx: &Context, resource: String, uid: Uid) -> bool;
    /// Asks for a lock that only readers hold.
    #[handler(inline)]
    async fn rlock(&self, cx: &Context, resource: String, uid: Uid) -> bool;
    /// Gives back what [`lock`](Self::lock) has given.
    #[handler(inline)]
    async fn unlock(&self, resource: String, uid: Uid) -> bool;
    /// Gives back what [`rlock`](Self::rlock) has given.
    #[handler(inline)]
    async fn runlock(&self, resource: String, uid: Uid) -> bool;
    /// Keeps either kind from expiring.
    #[handler(inline)]
    async fn refresh(&self, resource: String, uid: Uid) -> bool;
    /// Takes a lock from all who hold it, for operators; the holders learn of it when they refresh.
    #[handler(inline)]
    async fn force_unlock(&self, resource: String) -> bool;
}

/// The table of this node, as a service.
#[derive(Debug)]
pub struct LockTable {
    table: Mutex<Table>,
}

impl LockTable {
    /// An empty table. All nodes and all their [`QuorumLock`](super::QuorumLock)s need the same timing.
    #[must_use]
    pub fn new(timing: &Timing) -> Self {
        Self { table: Mutex::new(Table::new(timing.expires_after)) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acquire(&self, cx: &Context, resource: &str, mode: Mode, uid: Uid) -> bool {
        // The link has already established who asks, so the owner need not be sent.
        self.table().acquire(Instant::now().into_std(), resource, mode, uid, cx.peer())
    }
}

impl Locks for LockTable {
    async fn lock(&self, cx: &Context, resource: String, uid: Uid) -> bool {
        self.acquire(cx, &resource, Mode::Write, uid)
    }

    async fn rlock(&self, cx: &Context, resource: String, uid: Uid) -> bool {
        self.acquire(cx, &resource, Mode::Read, uid)
    }

    async fn unlock(&self, resource: String, uid: Uid) -> bool {
        self.table().release(&resource, Mode::Write, uid)
    }

    async fn runlock(&self, resource: String, uid: Uid) -> bool {
        self.table().release(&resource, Mode::Read, uid)
    }

    async fn refresh(&self, resource: String, uid: Uid) -> bool {
        self.table().refresh(Instant::now().into_std(), &resource, uid)
    }

    async fn force_unlock(&self, resource: String) -> bool {
        self.table().force_unlock(&resource) > 0
    }
}
