//! [`Bug`]: deliberate mistakes, which the checker must find.
//!
//! They are made in the clients and disks of a simulation, and look to the checker as a mistake of the store would, so that tests need not
//! build another store. The patches in `kv/oracle/mutations` break the store and its network themselves.

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Nodes answer reads without asking a majority whether they still lead.
    UnconfirmedReads,
    /// Writes are acknowledged when they were sent, before a majority has them.
    EarlyAcknowledgement,
    /// A write that was acknowledged is sent again, with nothing that tells it from a new one.
    AppliedTwice,
    /// Disks say that the log is synced while its last entries are not, and lose these with their power.
    LostTail,
    /// Snapshots say that they are of now and have the state of the snapshot before.
    StaleSnapshot,
}
