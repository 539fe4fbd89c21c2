//! Read and write locks over a quorum of nodes, which is what MinIO's grid was first made for.
//!
//! Each node has a table of locks ([`Table`]) and serves it ([`Locks`], [`LockTable`]). Whoever wants a lock asks all
//! nodes at once ([`QuorumLock`]) and has it when enough of them grant it; a background task refreshes it as long as
//! its [`Guard`] lives. Nodes forget what is not refreshed, so that a holder that vanishes blocks nobody for long.
//!
//! # Quorum
//! A write lock needs ⌊n/2⌋ + 1 of n nodes, a read lock ⌈n/2⌉. Any two writers share a node, because
//! 2 (⌊n/2⌋ + 1) > n, and so do a reader and a writer, because ⌈n/2⌉ + ⌊n/2⌋ + 1 = n + 1; the shared node refuses one of
//! them. Two readers need not share one. So with an even number of nodes, readers survive the loss of one half.
//!
//! # What it promises
//! A node that grants or refreshes keeps the entry for [`Timing::expires_after`] from then on at least, and the holder
//! counts that time from when it asked. While a quorum of these leases runs, nobody else can have the lock; before they
//! run out, [`Guard::lost`] tells. This assumes that the clocks of all nodes run at nearly the same speed, and that
//! nodes do not restart with an empty table: a node that does may grant again what it has granted before. Whoever
//! cannot live with that hands a counter along with the lock, and lets the guarded store refuse old ones.

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

/// The times that all nodes of a grid agree on.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Nodes forget a lock that was not refreshed for so long. Default: 1 minute.
    ///
    /// Too short, and a pause of the network or of the holder loses locks; too long, and what a vanished holder had
    /// stays locked for that time.
    pub expires_after: Duration,
    /// How often a held lock is refreshed. Default: 10 s. Some refreshes should fit into the time above.
    pub refresh_every: Duration,
    /// How long a node may take for an answer before it counts as unreachable. Default: 3 s.
    pub call_timeout: Duration,
    /// Time until the next attempt after a lock was refused, at random in between, so that two that took each other's
    /// quorum do not do so again. Default: 50 to 250 ms. Around the duration of an attempt and more.
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
