//! What commands do to the state. The same on all nodes: nothing here depends on time, chance or the machine.

use std::io;

use bytes::Bytes;
use redb::ReadableTable as _;

use super::rows::{decode, encode, other};
use super::tables::{HISTORY_BYTES_MAX, SESSIONS_MAX, Session, Tables};
use crate::model::{Command, Event, Expect, Item, Op, Outcome, Write};

/// Bytes of a value that is kept with the outcome of a failed compare-and-swap. All sessions together have 40 MiB of them then, and not
/// 10 GiB.
const FOUND_BYTES_MAX: usize = 4 << 10;

/// The outcome as it is kept for the case that its write is repeated, and whether it is without a value that was found.
fn shorten(outcome: &Outcome) -> (Outcome, bool) {
    match outcome {
        Outcome::Conflict { key, found: Some(found) } if found.value.len() > FOUND_BYTES_MAX => {
            (Outcome::Conflict { key: key.clone(), found: None }, true)
        }
        outcome => (outcome.clone(), false),
    }
}

impl Tables<'_> {
    /// Applies the command of the entry with this index.
    pub(super) fn apply(&mut self, index: u64, command: &Command) -> io::Result<Outcome> {
        match command {
            Command::Open => self.open_session(index),
            Command::Write(write) => self.write_once(index, write),
        }
    }

    /// A session is called by the index of the entry that opens it, which no other one has.
    fn open_session(&mut self, index: u64) -> io::Result<Outcome> {
        let fresh =
            Session { used: index, sequence: 0, outcome: Outcome::Nothing, is_short: false };
        self.store_session(index, &fresh)?;
        self.head.sessions += 1;
        if self.head.sessions > SESSIONS_MAX {
            let oldest = self.used.pop_first().map_err(other)?.map(|(_, session)| session.value());
            if let Some(session) = oldest {
                self.sessions.remove(session).map_err(other)?;
                self.head.sessions -= 1;
            }
        }
        Ok(Outcome::Opened { session: index })
    }

    fn store_session(&mut self, id: u64, session: &Session) -> io::Result<()> {
        self.sessions.insert(id, encode(session)?.as_slice()).map_err(other)?;
        self.used.insert(session.used, id).map_err(other)?;
        Ok(())
    }

    fn write_once(&mut self, index: u64, write: &Write) -> io::Result<Outcome> {
        let known = self.sessions.get(write.session).map_err(other)?;
        let Some(session) = known.map(|row| decode::<Session>(row.value())).transpose()? else {
            return Ok(Outcome::Expired);
        };
        if write.sequence == session.sequence {
            return match session.outcome {
                Outcome::Conflict { key, .. } if session.is_short => {
                    Ok(Outcome::Conflict { found: self.item(&key)?, key })
                }
                outcome => Ok(outcome),
            };
        }
        if write.sequence < session.sequence {
            return Ok(Outcome::Outdated);
        }
        let outcome = match self.failed_check(&write.ops)? {
            Some(conflict) => conflict,
            None => self.change(&write.ops)?,
        };
        self.used.remove(session.used).map_err(other)?;
        let (kept, is_short) = shorten(&outcome);
        let session = Session { used: index, sequence: write.sequence, outcome: kept, is_short };
        self.store_session(write.session, &session)?;
        Ok(outcome)
    }

    fn item(&self, key: &str) -> io::Result<Option<Item>> {
        self.items.get(key).map_err(other)?.map(|row| decode(row.value())).transpose()
    }

    /// The conflict of the first check that fails.
    fn failed_check(&self, ops: &[Op]) -> io::Result<Option<Outcome>> {
        for op in ops {
            let Op::Check { key, expect } = op else { continue };
            let found = self.item(key)?;
            let holds = match (expect, &found) {
                (Expect::Absent, found) => found.is_none(),
                (Expect::Revision(revision), Some(item)) => item.modified == *revision,
                (Expect::Value(value), Some(item)) => item.value == *value,
                (Expect::Revision(_) | Expect::Value(_), None) => false,
            };
            if !holds {
                return Ok(Some(Outcome::Conflict { key: key.clone(), found }));
            }
        }
        Ok(None)
    }

    fn change(&mut self, ops: &[Op]) -> io::Result<Outcome> {
        let revision = self.head.revision + 1;
        let mut changed = 0;
        for op in ops {
            let is_change = match op {
                Op::Check { .. } => false,
                Op::Put { key, value } => self.put(revision, key, value)?,
                Op::Delete { key } => self.items.remove(key.as_str()).map_err(other)?.is_some(),
            };
            if is_change {
                self.record(revision, changed, op)?;
                changed += 1;
            }
        }
        if changed > 0 {
            self.head.revision = revision;
            self.forget_history()?;
        }
        Ok(Outcome::Applied { revision: self.head.revision, changed: changed.into() })
    }

    fn put(&mut self, revision: u64, key: &str, value: &Bytes) -> io::Result<bool> {
        let created = self.item(key)?.map_or(revision, |item| item.created);
        let item = Item { value: value.clone(), created, modified: revision };
        self.items.insert(key, encode(&item)?.as_slice()).map_err(other)?;
        Ok(true)
    }

    fn record(&mut self, revision: u64, place: u32, op: &Op) -> io::Result<()> {
        let (key, value) = match op {
            Op::Put { key, value } => (key.clone(), Some(value.clone())),
            Op::Check { key, .. } | Op::Delete { key } => (key.clone(), None),
        };
        let row = encode(&Event { revision, key, value })?;
        self.history.insert((revision, place), row.as_slice()).map_err(other)?;
        self.head.history_bytes += row.len() as u64;
        Ok(())
    }

    /// Removes the oldest revisions, as a whole each: a watch never sees a part of a batch. The latest one stays.
    fn forget_history(&mut self) -> io::Result<()> {
        while self.head.history_bytes > HISTORY_BYTES_MAX {
            let first = self.history.first().map_err(other)?.map(|(at, _)| at.value().0);
            let Some(revision) = first.filter(|first| *first < self.head.revision) else { break };
            let mut bytes = 0;
            self.history
                .retain_in((revision, 0)..=(revision, u32::MAX), |_, row| {
                    bytes += row.len() as u64;
                    false
                })
                .map_err(other)?;
            self.head.history_bytes -= bytes;
            self.head.compacted = revision;
        }
        Ok(())
    }
}
