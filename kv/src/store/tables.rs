//! The tables of the state, and what one transaction on them keeps in memory.

use std::io;

use openraft::type_config::alias::{LogIdOf, StoredMembershipOf};
use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::rows::{decode, encode, other};
use crate::model::{Outcome, Types};

/// The keys, each with an [`Item`](crate::model::Item).
pub(super) const ITEMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");
/// The changes, for watching: by revision, and by their place in its batch.
pub(super) const HISTORY: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("history");
/// A [`Session`] each.
pub(super) const SESSIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("sessions");
/// The sessions by the index of the entry that has used them last.
pub(super) const USED: TableDefinition<'_, u64, u64> = TableDefinition::new("used");
/// One row, with the [`Head`].
pub(super) const HEAD: TableDefinition<'_, (), &[u8]> = TableDefinition::new("head");

/// How much of the past can be watched, in bytes of keys and values: some minutes of a busy store.
pub const HISTORY_BYTES_MAX: u64 = 64 << 20;

/// Sessions of clients. A client that has written is forgotten when this many others have written after it.
pub(super) const SESSIONS_MAX: u64 = 10_000;

/// What is known of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The index of the entry that has used it last.
    pub(super) used: u64,
    /// The number of its last write, zero if there was none.
    pub(super) sequence: u64,
    /// The outcome of that write.
    pub(super) outcome: Outcome,
    /// Whether it is a conflict without what was found, which is too long to keep.
    #[serde(default)]
    pub(super) is_short: bool,
}

/// Where the state is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) applied: Option<LogIdOf<Types>>,
    pub(super) membership: StoredMembershipOf<Types>,
    /// The latest revision. The first write is revision 1.
    pub(super) revision: u64,
    /// The latest revision whose changes are not in the history any more.
    pub(super) compacted: u64,
    /// Bytes of the history.
    pub(super) history_bytes: u64,
    pub(super) sessions: u64,
}

/// All tables in a transaction.
pub(super) struct Tables<'t> {
    pub(super) items: Table<'t, &'static str, &'static [u8]>,
    pub(super) history: Table<'t, (u64, u32), &'static [u8]>,
    pub(super) sessions: Table<'t, u64, &'static [u8]>,
    pub(super) used: Table<'t, u64, u64>,
    head_row: Table<'t, (), &'static [u8]>,
    pub(super) head: Head,
}

impl<'t> Tables<'t> {
    /// Opens them, and creates those that are missing.
    pub(super) fn open(transaction: &'t WriteTransaction) -> io::Result<Self> {
        let head_row = transaction.open_table(HEAD).map_err(other)?;
        let head = match head_row.get(()).map_err(other)? {
            Some(row) => decode(row.value())?,
            None => Head::default(),
        };
        Ok(Self {
            items: transaction.open_table(ITEMS).map_err(other)?,
            history: transaction.open_table(HISTORY).map_err(other)?,
            sessions: transaction.open_table(SESSIONS).map_err(other)?,
            used: transaction.open_table(USED).map_err(other)?,
            head_row,
            head,
        })
    }

    /// Removes everything, before a snapshot is installed.
    pub(super) fn clear(transaction: &WriteTransaction) -> io::Result<()> {
        transaction.delete_table(ITEMS).map_err(other)?;
        transaction.delete_table(HISTORY).map_err(other)?;
        transaction.delete_table(SESSIONS).map_err(other)?;
        transaction.delete_table(USED).map_err(other)?;
        transaction.delete_table(HEAD).map_err(other)?;
        Ok(())
    }

    /// Stores the head, which must be the last thing that happens in a transaction.
    pub(super) fn finish(mut self) -> io::Result<Head> {
        let row = encode(&self.head)?;
        self.head_row.insert((), row.as_slice()).map_err(other)?;
        Ok(self.head)
    }
}
