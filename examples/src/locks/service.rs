//! [`Locks`]: the service of each node, and [`LockTable`], its implementation.

use std::sync::{Mutex, MutexGuard, PoisonError};

use grid::Context;
use tokio::time::Instant;

use super::Timing;
use super::table::{Mode, Table, Uid};

/// The lock table of one node.
///
/// Methods return whether the lock is held now, or was held until now. All methods are `inline`: they never wait, so
/// they run in the order in which they arrive on a link. A release therefore never overtakes the request that it
/// undoes.
#[grid::service(schema)]
pub trait Locks {
    /// Requests a write lock.
    #[handler(inline)]
    async fn lock(&self, cx: &Context, resource: String, uid: Uid) -> bool;
    /// Requests a read lock.
    #[handler(inline)]
    async fn rlock(&self, cx: &Context, resource: String, uid: Uid) -> bool;
    /// Releases what [`lock`](Self::lock) granted.
    #[handler(inline)]
    async fn unlock(&self, resource: String, uid: Uid) -> bool;
    /// Releases what [`rlock`](Self::rlock) granted.
    #[handler(inline)]
    async fn runlock(&self, resource: String, uid: Uid) -> bool;
    /// Refreshes a lock of either kind, so that it does not expire.
    #[handler(inline)]
    async fn refresh(&self, resource: String, uid: Uid) -> bool;
    /// Releases a lock, whoever holds it. For operators. The holders notice at their next refresh.
    #[handler(inline)]
    async fn force_unlock(&self, resource: String) -> bool;
}

/// A node's table as a service.
#[derive(Debug)]
pub struct LockTable {
    table: Mutex<Table>,
}

impl LockTable {
    /// Creates an empty table. All nodes and all their [`QuorumLock`](super::QuorumLock)s need the same timing.
    #[must_use]
    pub fn new(timing: &Timing) -> Self {
        Self { table: Mutex::new(Table::new(timing.expires_after)) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acquire(&self, cx: &Context, resource: &str, mode: Mode, uid: Uid) -> bool {
        // The link knows the caller, so the owner is not an argument.
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
