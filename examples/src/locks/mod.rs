//! Read and write locks over a quorum of nodes, the first use of MinIO's grid.
//!
//! Each node has a table of locks ([`Table`]) and serves it ([`Locks`], [`LockTable`]). A [`QuorumLock`] requests a
//! lock from all nodes at once and holds it when enough of them have granted it. A background task refreshes it as long
//! as the [`Guard`] lives. Nodes forget locks that are not refreshed, so a crashed holder does not block the lock for
//! long.
//!
//! # Quorum
//! A write lock needs ⌊n/2⌋ + 1 of n nodes, a read lock ⌈n/2⌉. Any two writers share a node, because
//! 2 (⌊n/2⌋ + 1) > n, and so do a reader and a writer, because ⌈n/2⌉ + ⌊n/2⌋ + 1 = n + 1; the shared node refuses one of
//! them. Two readers need not share one. So with an even number of nodes, readers survive the loss of one half.
//!
//! # Guarantees
//! A node that grants or refreshes a lock keeps the entry for at least [`Timing::expires_after`]. The holder counts
//! that time from when it sent the request. While a quorum of these leases runs, no other holder can get the lock, and
//! [`Guard::lost`] completes before they expire. This assumes that the clocks of all nodes run at nearly the same
//! speed, and that nodes do not restart with an empty table: such a node may grant a lock that it has granted before.
//! Where that is not acceptable, pass a fencing counter with each write and let the guarded store refuse old ones.

mod claim;
mod guard;
mod leases;
mod quorum;
mod service;
mod table;

use std::ops::Range;
use std::time::Duration;

pub use guard::{Guard, Lost};
pub use quorum::{NotLocked, QuorumLock};
pub use service::{LockTable, Locks, LocksClient, LocksServer};
pub use table::{Mode, Table, Uid};

/// Times that must be the same on all nodes of a grid.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Nodes forget a lock that was not refreshed for this time. Default: 1 minute.
    ///
    /// If too short, a pause of the network or of the holder loses locks. If too long, the locks of a crashed holder
    /// stay locked for that time.
    pub expires_after: Duration,
    /// Interval at which a held lock is refreshed. Default: 10 s. Several intervals should fit into `expires_after`.
    pub refresh_every: Duration,
    /// Time-out of each call to a node, after which the node counts as unreachable. Default: 3 s.
    pub call_timeout: Duration,
    /// Range of the random pause before the next attempt after a lock was refused. It is random so that two attempts
    /// that blocked each other do not do so again. Default: 50 to 250 ms. It should be at least the duration of an
    /// attempt.
    pub retry_after: Range<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            expires_after: Duration::from_secs(60),
            refresh_every: Duration::from_secs(10),
            call_timeout: Duration::from_secs(3),
            retry_after: Duration::from_millis(50)..Duration::from_millis(250),
        }
    }
}
