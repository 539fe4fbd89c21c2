//! [`Table`]: the locks that one node has granted. No clock, no socket, no mutex: time is an argument.
//!
//! ```text
//!            acquire(Write)                 acquire(Read)
//!   free ─────────────────► one writer    free ──────────► readers ─┐ acquire(Read)
//!     ▲                         │           ▲                │  ▲   │
//!     └── release, expiry, ─────┘           └── the last ────┘  └───┘
//!         force_unlock
//! ```

use std::collections::HashMap;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Number of resources that may be locked at once; further locks are refused. 100 000 with names of 100 bytes take
/// about 25 MB.
const RESOURCES_MAX: usize = 100_000;

/// Number of readers that one resource may have at once; further ones are refused.
const READERS_MAX: usize = 10_000;

/// Id of one attempt to get a lock. Each attempt has its own, so that a late release never undoes a later attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Uid(u128);

impl Uid {
    /// Creates a random id.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

/// Which other holders a lock admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Other readers.
    Read,
    /// None.
    Write,
}

/// The locks that one node has granted.
#[derive(Debug)]
pub struct Table {
    entries: HashMap<String, Entry>,
    expires_after: Duration,
    /// When expired entries were last removed from the whole table.
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    mode: Mode,
    /// Never empty. Exactly one for [`Mode::Write`].
    holders: HashMap<Uid, Holder>,
}

#[derive(Debug)]
struct Holder {
    /// The node that requested the lock.
    owner: String,
    refreshed: Instant,
}

impl Table {
    /// Creates an empty table whose entries expire when they were not refreshed for this time.
    #[must_use]
    pub fn new(expires_after: Duration) -> Self {
        Self { entries: HashMap::new(), expires_after, swept: None }
    }

    /// Grants or refuses a lock. A repeated request with the same uid is granted, and refreshes the lock.
    #[must_use]
    pub fn acquire(
        &mut self,
        now: Instant,
        resource: &str,
        mode: Mode,
        uid: Uid,
        owner: &str,
    ) -> bool {
        self.sweep(now);
        self.expire(now, resource);
        let holder = Holder { owner: owner.to_owned(), refreshed: now };
        let full = self.entries.len() >= RESOURCES_MAX;
        match self.entries.get_mut(resource) {
            None if full => return false,
            None => {
                let entry = Entry { mode, holders: HashMap::from([(uid, holder)]) };
                self.entries.insert(resource.to_owned(), entry);
            }
            Some(entry) => {
                let again = entry.holders.contains_key(&uid);
                let shared = mode == Mode::Read && entry.holders.len() < READERS_MAX;
                if entry.mode != mode || !(again || shared) {
                    return false;
                }
                entry.holders.insert(uid, holder);
            }
        }
        true
    }

    /// Releases a lock. Returns false if it was not held.
    pub fn release(&mut self, resource: &str, mode: Mode, uid: Uid) -> bool {
        let Some(entry) = self.entries.get_mut(resource).filter(|entry| entry.mode == mode) else {
            return false;
        };
        let held = entry.holders.remove(&uid).is_some();
        if entry.holders.is_empty() {
            self.entries.remove(resource);
        }
        held
    }

    /// Refreshes a lock. Returns false if it is not held any more.
    #[must_use]
    pub fn refresh(&mut self, now: Instant, resource: &str, uid: Uid) -> bool {
        self.expire(now, resource);
        let holder = self.entries.get_mut(resource).and_then(|entry| entry.holders.get_mut(&uid));
        holder.map(|holder| holder.refreshed = now).is_some()
    }

    /// Releases a lock, whoever holds it. Returns the number of holders.
    pub fn force_unlock(&mut self, resource: &str) -> usize {
        self.entries.remove(resource).map_or(0, |entry| entry.holders.len())
    }

    /// The nodes that hold a lock, in no particular order.
    pub fn owners(&self, resource: &str) -> impl Iterator<Item = &str> {
        let entry = self.entries.get(resource).into_iter();
        entry.flat_map(|entry| entry.holders.values().map(|holder| &*holder.owner))
    }

    fn expire(&mut self, now: Instant, resource: &str) {
        let Some(entry) = self.entries.get_mut(resource) else { return };
        if entry.expire(now, self.expires_after) {
            self.entries.remove(resource);
        }
    }

    /// Removes expired entries of resources that are not requested any more. Runs once per expiry time, so each entry
    /// is visited about once in its life, whatever the number of calls.
    fn sweep(&mut self, now: Instant) {
        let due = self.swept.is_none_or(|swept| now.duration_since(swept) >= self.expires_after);
        if due {
            self.swept = Some(now);
            self.entries.retain(|_, entry| !entry.expire(now, self.expires_after));
        }
    }
}

impl Entry {
    /// Removes holders that were not refreshed in time. Returns whether none is left.
    fn expire(&mut self, now: Instant, after: Duration) -> bool {
        self.holders.retain(|_, holder| now.duration_since(holder.refreshed) < after);
        self.holders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Mode::{Read, Write};
    use super::*;

    const EXPIRY: Duration = Duration::from_secs(10);
    const UIDS: [Uid; 3] = [Uid(1), Uid(2), Uid(3)];

    fn start() -> (Table, Instant) {
        (Table::new(EXPIRY), tokio::time::Instant::now().into_std())
    }

    #[test]
    fn a_writer_excludes_all_others() {
        let (mut table, now) = start();
        assert!(table.acquire(now, "a", Write, UIDS[0], "n1"));
        assert!(!table.acquire(now, "a", Write, UIDS[1], "n2"));
        assert!(!table.acquire(now, "a", Read, UIDS[1], "n2"));
        assert!(table.acquire(now, "b", Write, UIDS[1], "n2"), "another resource");
        assert!(table.acquire(now, "a", Write, UIDS[0], "n1"), "the same attempt again");
        assert!(!table.acquire(now, "a", Read, UIDS[0], "n1"), "not in another mode");
        assert!(table.owners("a").eq(["n1"]));
    }

    #[test]
    fn readers_exclude_writers_until_the_last_one_releases() {
        let (mut table, now) = start();
        assert!(table.acquire(now, "a", Read, UIDS[0], "n1"));
        assert!(table.acquire(now, "a", Read, UIDS[1], "n2"));
        assert!(!table.acquire(now, "a", Write, UIDS[2], "n3"));
        assert!(table.release("a", Read, UIDS[0]));
        assert!(!table.acquire(now, "a", Write, UIDS[2], "n3"));
        assert!(table.release("a", Read, UIDS[1]));
        assert!(table.acquire(now, "a", Write, UIDS[2], "n3"));
    }

    #[test]
    fn only_what_is_held_is_released() {
        let (mut table, now) = start();
        assert!(!table.release("a", Write, UIDS[0]));
        assert!(table.acquire(now, "a", Write, UIDS[0], "n1"));
        assert!(!table.release("a", Write, UIDS[1]), "held by another uid");
        assert!(!table.release("a", Read, UIDS[0]), "another mode");
        assert!(table.release("a", Write, UIDS[0]));
        assert!(!table.release("a", Write, UIDS[0]), "twice");
        assert!(table.entries.is_empty());
    }

    #[test]
    fn entries_expire_unless_they_are_refreshed() {
        let (mut table, now) = start();
        let almost = EXPIRY - Duration::from_nanos(1);
        assert!(table.acquire(now, "a", Write, UIDS[0], "n1"));
        assert!(table.refresh(now + almost, "a", UIDS[0]));
        assert!(!table.acquire(now + EXPIRY, "a", Write, UIDS[1], "n2"), "refreshed");
        assert!(!table.refresh(now + almost + EXPIRY, "a", UIDS[0]), "too late");
        assert!(table.acquire(now + almost + EXPIRY, "a", Write, UIDS[1], "n2"));
        assert!(!table.refresh(now + almost + EXPIRY, "a", UIDS[0]), "another uid holds it now");
    }

    #[test]
    fn readers_expire_one_by_one() {
        let (mut table, now) = start();
        assert!(table.acquire(now, "a", Read, UIDS[0], "n1"));
        assert!(table.acquire(now + EXPIRY / 2, "a", Read, UIDS[1], "n2"));
        assert!(!table.acquire(now + EXPIRY, "a", Write, UIDS[2], "n3"));
        assert!(table.owners("a").eq(["n2"]));
        assert!(table.acquire(now + EXPIRY * 3 / 2, "a", Write, UIDS[2], "n3"));
    }

    #[test]
    fn expired_entries_of_unused_resources_are_removed() {
        let (mut table, now) = start();
        assert!(table.acquire(now, "forgotten", Write, UIDS[0], "n1"));
        assert!(table.acquire(now + EXPIRY, "b", Write, UIDS[1], "n2"));
        assert!(!table.entries.contains_key("forgotten"));
    }

    #[test]
    fn force_unlock_releases_all_holders() {
        let (mut table, now) = start();
        assert!(table.acquire(now, "a", Read, UIDS[0], "n1"));
        assert!(table.acquire(now, "a", Read, UIDS[1], "n2"));
        assert_eq!(table.force_unlock("a"), 2);
        assert_eq!(table.force_unlock("a"), 0);
        assert!(table.acquire(now, "a", Write, UIDS[2], "n3"));
    }
}
