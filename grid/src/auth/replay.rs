//! The tokens that were used, so that a copy of one is refused.
//!
//! A token that is too old is refused anyway, so nonces are kept only as long as their token would be accepted. If one pair
//! of nodes has used more than [`NONCES_PER_PAIR_MAX`] in that time, the oldest are forgotten, and no token that is as old
//! is accepted any more: a bound that costs a node with the secret only tokens that it has made long before.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::proto::is_guest_name;

/// Length of a nonce in bytes. Two nonces are never the same by chance.
pub(super) const NONCE_BYTES: usize = 16;

/// A number that is used once.
pub(super) type Nonce = [u8; NONCE_BYTES];

/// Nonces that are kept of one dialer and one listener. A dialer opens one connection at a time, at most one per second
/// unless they carry calls, and its tokens arrive almost in the order in which they were made: a few would be enough.
const NONCES_PER_PAIR_MAX: usize = 256;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    /// It was used before.
    Before,
    /// Too many later tokens were used to remember whether this one was.
    Outdated,
}

/// The same of all guests of one listener together, whose names are random.
const NONCES_OF_GUESTS_MAX: usize = 16 * 1024;

/// Pairs without a nonce that is still of use are removed when there are this many, and then at twice as many as are left.
const SWEPT_AT_MIN: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Nonces(Mutex<Table>);

/// The pairs are those of host lists: other dialers are refused before their token is used, and guests count as one.
#[derive(Default)]
struct Table {
    pairs: HashMap<(String, String), Seen>,
    /// The number of pairs at which the table is swept.
    sweep_at: usize,
}

/// What one dialer has used at one listener.
#[derive(Default)]
struct Seen {
    nonces: BTreeSet<(SystemTime, Nonce)>,
    /// Tokens up to this time are outdated.
    forgotten: Option<SystemTime>,
}

impl Nonces {
    /// Whether the token can still be used.
    pub(super) fn look(
        &self,
        dialer: &str,
        listener: &str,
        made: SystemTime,
        nonce: Nonce,
    ) -> Result<(), Used> {
        self.lock().pairs.get(&pair(dialer, listener)).map_or(Ok(()), |seen| seen.look(made, nonce))
    }

    /// Uses the token, whose time is within `skew_max` of `now`.
    pub(super) fn spend(
        &self,
        dialer: &str,
        listener: &str,
        made: SystemTime,
        nonce: Nonce,
        (now, skew_max): (SystemTime, Duration),
    ) -> Result<(), Used> {
        let is_current = |made: SystemTime| {
            now.duration_since(made).is_ok_and(|age| age <= skew_max) || made > now
        };
        let mut table = self.lock();
        let pair = pair(dialer, listener);
        if !table.pairs.contains_key(&pair) && table.pairs.len() >= table.sweep_at {
            // The listener is the same, unless several nodes of one process share the secret: then their clock is the same.
            table.pairs.retain(|_, seen| seen.is_of_use(is_current));
            table.sweep_at = (2 * table.pairs.len()).max(SWEPT_AT_MIN);
        }
        let max = match pair.0 == GUESTS {
            true => NONCES_OF_GUESTS_MAX,
            false => NONCES_PER_PAIR_MAX,
        };
        let seen = table.pairs.entry(pair).or_default();
        seen.look(made, nonce)?;
        while let Some((oldest, _)) = seen.nonces.first().copied()
            && !is_current(oldest)
        {
            seen.nonces.pop_first();
            // Also if the clock of this node is set back later.
            seen.forgotten = seen.forgotten.max(Some(oldest));
        }
        if seen.nonces.len() == max
            && let Some((oldest, _)) = seen.nonces.pop_first()
        {
            seen.forgotten = seen.forgotten.max(Some(oldest));
            // It may itself be as old.
            seen.look(made, nonce)?;
        }
        seen.nonces.insert((made, nonce));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands for the names of all guests.
const GUESTS: &str = "guest";

fn pair(dialer: &str, listener: &str) -> (String, String) {
    let dialer = if is_guest_name(dialer) { GUESTS } else { dialer };
    (dialer.to_owned(), listener.to_owned())
}

impl Seen {
    /// Whether a token that was used would be accepted without it.
    fn is_of_use(&self, is_current: impl Fn(SystemTime) -> bool) -> bool {
        self.nonces.last().is_some_and(|(made, _)| is_current(*made))
    }

    fn look(&self, made: SystemTime, nonce: Nonce) -> Result<(), Used> {
        if self.nonces.contains(&(made, nonce)) {
            return Err(Used::Before);
        }
        match self.forgotten {
            Some(forgotten) if made <= forgotten => Err(Used::Outdated),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn spend(nonces: &Nonces, made: u64, nonce: u8, now: u64) -> Result<(), Used> {
        nonces.spend("a", "b", at(made), [nonce; NONCE_BYTES], (at(now), SKEW))
    }

    #[test]
    fn a_token_is_used_once_by_each_pair() {
        let nonces = Nonces::default();
        assert_eq!(nonces.look("a", "b", at(0), [1; NONCE_BYTES]), Ok(()));
        assert_eq!(spend(&nonces, 0, 1, 0), Ok(()));
        assert_eq!(nonces.look("a", "b", at(0), [1; NONCE_BYTES]), Err(Used::Before));
        assert_eq!(spend(&nonces, 0, 1, 0), Err(Used::Before));
        assert_eq!(spend(&nonces, 0, 2, 0), Ok(()));
        assert_eq!(nonces.look("c", "b", at(0), [1; NONCE_BYTES]), Ok(()));
    }

    #[test]
    fn nonces_are_kept_while_their_token_would_be_accepted() {
        let nonces = Nonces::default();
        spend(&nonces, 0, 1, 0).unwrap();
        spend(&nonces, 300, 2, 300).unwrap();
        assert_eq!(spend(&nonces, 0, 1, 300), Err(Used::Before));
        spend(&nonces, 301, 3, 301).unwrap();
        let len = || nonces.lock().pairs.values().map(|seen| seen.nonces.len()).sum::<usize>();
        assert_eq!(len(), 2, "the first one is too old");
        // The dialer's clock is ahead, so its token is accepted for longer.
        spend(&nonces, 600, 4, 301).unwrap();
        spend(&nonces, 900, 5, 900).unwrap();
        assert_eq!(spend(&nonces, 600, 4, 900), Err(Used::Before));
    }

    #[test]
    fn names_that_are_gone_and_guests_leave_nothing() {
        let nonces = Nonces::default();
        let spend = |dialer: &str, number: u64| {
            let nonce = u128::from(number).to_le_bytes();
            nonces.spend(dialer, "b", at(number), nonce, (at(number), SKEW)).unwrap();
        };
        for number in 0..10_000 {
            spend(&format!("http://pod-{number}:1"), number);
            spend(&crate::proto::guest_name(number.into()), number);
        }
        let table = nonces.lock();
        let guests = table.pairs[&(GUESTS.to_owned(), "b".to_owned())].nonces.len();
        assert!(table.pairs.len() < 1000 && guests <= 301, "{} {guests}", table.pairs.len());
    }

    #[test]
    fn the_number_of_nonces_is_limited_and_no_copy_is_accepted() {
        let nonces = Nonces::default();
        let token = |n: u32| (at(u64::from(n) / 100), u128::from(n).to_le_bytes());
        let spend = |n| {
            let (made, nonce) = token(n);
            nonces.spend("a", "b", made, nonce, (at(10), SKEW))
        };
        for n in 0..1000 {
            // Those of the second in which the oldest one was forgotten are outdated.
            let _ = spend(n);
            assert!(
                nonces.lock().pairs.values().all(|seen| seen.nonces.len() <= NONCES_PER_PAIR_MAX)
            );
        }
        for n in 0..1000 {
            spend(n).expect_err("a copy");
        }
        assert_eq!(spend(5), Err(Used::Outdated));
        assert_eq!(spend(2000), Ok(()), "a fresh token is always accepted");
    }
}
