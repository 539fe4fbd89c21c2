//! Accepted connections whose handshake is not done: how many a node holds, and which one it closes for a new one.
//!
//! A new connection is always accepted. If there are too many, the node closes the one that is least likely to be an
//! honest node. Among the connections that are older than a second, that is the one whose handshake has made the least
//! progress, and the oldest of these. An honest node completes its handshake within a few round trips, so it is not
//! affected unless strangers open more than half of [`STRANGERS_MAX`] connections within that time.
//!
//! If no connection is that old, a random one of the older half is closed. Always closing the oldest one would be wrong:
//! if many honest nodes connect at once and the authenticator is slow, the oldest ones are almost done.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::entropy;
use crate::error::LinkError;

/// Connections in their handshake, of the whole node. Each takes a task, and up to 64 KiB for its headers.
pub(super) const STRANGERS_MAX: usize = 1024;

/// Connections in their handshake from one address, or one /64 network of IPv6, which one host may own. Many nodes may
/// share an address, and all dial a restarted node within two seconds; each is done within a few round trips.
pub(super) const STRANGERS_PER_SOURCE_MAX: usize = 128;

/// A connection that is younger than this is closed only if none is older.
const GRACE: Duration = Duration::from_secs(1);

/// How far the handshake of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It has sent nothing.
    Silent,
    /// It has sent an HTTP request that no node sends, as health checks do.
    Probe,
    /// It has sent something else, but no accepted token.
    Unknown,
    /// The authenticator has accepted its upgrade request.
    Upgraded,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By age.
    all: BTreeMap<u64, Stranger>,
    next: u64,
    /// How many connections each source has in `all`.
    counts: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Stranger {
    since: Instant,
    source: Option<IpAddr>,
    stage: Stage,
    /// Closes the connection.
    close: oneshot::Sender<LinkError>,
}

impl Strangers {
    /// Registers an accepted connection, and closes another one if there are too many. The receiver completes if this
    /// one is to be closed.
    pub(super) fn enter(
        self: &Arc<Self>,
        address: Option<SocketAddr>,
    ) -> (Entry, oneshot::Receiver<LinkError>) {
        let (now, source) = (Instant::now(), address.map(source));
        let (close, closed) = oneshot::channel();
        let mut table = self.lock();
        table.make_room(source, now);
        let number = table.next;
        table.next += 1;
        table.all.insert(number, Stranger { since: now, source, stage: Stage::Silent, close });
        if let Some(source) = source {
            *table.counts.entry(source).or_default() += 1;
        }
        drop(table);
        (Entry { strangers: Arc::clone(self), number, stage: Stage::Silent }, closed)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn make_room(&mut self, source: Option<IpAddr>, now: Instant) {
        let count = source.and_then(|source| self.counts.get(&source)).copied().unwrap_or_default();
        let (of, max) = if count >= STRANGERS_PER_SOURCE_MAX {
            (source, STRANGERS_PER_SOURCE_MAX)
        } else if self.all.len() >= STRANGERS_MAX {
            (None, STRANGERS_MAX)
        } else {
            return;
        };
        if let Some(number) = self.least_likely(of, now)
            && let Some(stranger) = self.remove(number)
        {
            // Fails if the connection ends by itself at this moment.
            let _ = stranger.close.send(LinkError::Crowded { max });
        }
    }

    /// The connection that is the least likely to be an honest node, among all or those of one source.
    fn least_likely(&self, of: Option<IpAddr>, now: Instant) -> Option<u64> {
        let candidates =
            || self.all.iter().filter(move |(_, one)| of.is_none() || one.source == of);
        let old = candidates().take_while(|(_, one)| now - one.since >= GRACE);
        if let Some((number, _)) = old.min_by_key(|(number, one)| (one.stage, **number)) {
            return Some(*number);
        }
        let older_half = candidates().count().div_ceil(2).max(1);
        candidates().nth(entropy::random_range(0..older_half)).map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) -> Option<Stranger> {
        let stranger = self.all.remove(&number)?;
        if let Some(source) = stranger.source
            && let Some(count) = self.counts.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&source);
            }
        }
        Some(stranger)
    }
}

/// The entry of one connection. Dropping it removes the connection from the table.
#[derive(Debug)]
pub(super) struct Entry {
    strangers: Arc<Strangers>,
    number: u64,
    /// Kept here as well, because the table forgets a connection that is closed.
    stage: Stage,
}

impl Entry {
    /// Sets the stage.
    pub(super) fn reach(&mut self, stage: Stage) {
        self.stage = stage;
        if let Some(stranger) = self.strangers.lock().all.get_mut(&self.number) {
            stranger.stage = stage;
        }
    }

    /// The stage.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        drop(self.strangers.lock().remove(self.number));
    }
}

/// Returns what an address counts as: the address itself, or its /64 network.
pub(super) fn source(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: usize) -> Option<SocketAddr> {
        Some(SocketAddr::new(IpAddr::V4(u32::try_from(host).unwrap().into()), 1))
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_those_that_proved_least_is_closed() {
        let strangers = Arc::new(Strangers::default());
        let mut all: Vec<_> = (0..STRANGERS_MAX).map(|n| strangers.enter(address(n))).collect();
        for (number, (entry, _)) in all.iter_mut().enumerate().take(STRANGERS_MAX - 1) {
            entry.reach(if number < 10 { Stage::Upgraded } else { Stage::Unknown });
        }
        let is_closed = |(_, closed): &mut (Entry, oneshot::Receiver<_>)| closed.try_recv().is_ok();
        let first = strangers.enter(None);
        let closed: Vec<_> = all.iter_mut().map(is_closed).collect();
        let closed = closed.iter().position(|closed| *closed).expect("one is closed");
        assert!(closed < STRANGERS_MAX / 2, "one of the older half, as long as all are young");
        drop((first, all.remove(closed)));
        tokio::time::advance(GRACE).await;
        let mut silent = strangers.enter(None);
        let mut next = Vec::new();
        // The last one has sent nothing. Ten of the oldest ones are upgraded, or nine if one of them was closed.
        let unknown = if closed < 10 { 9 } else { 10 };
        for closed in [STRANGERS_MAX - 2, unknown, unknown + 1] {
            next.push(strangers.enter(None));
            assert!(is_closed(&mut all[closed]), "{closed}");
        }
        assert!(!is_closed(&mut silent), "a young one has time");
        all.drain(..);
        drop((silent, next));
        assert!(strangers.lock().all.is_empty() && strangers.lock().counts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_displaces_only_itself() {
        let strangers = Arc::new(Strangers::default());
        let mut honest = strangers.enter(address(1));
        tokio::time::advance(GRACE).await;
        let all: Vec<_> =
            (0..10 * STRANGERS_PER_SOURCE_MAX).map(|_| strangers.enter(address(2))).collect();
        assert!(honest.1.try_recv().is_err());
        assert_eq!(strangers.lock().all.len(), STRANGERS_PER_SOURCE_MAX + 1);
        drop(all);
        let network = |last: &str| source(format!("[2001:db8::{last}]:1").parse().unwrap());
        assert_eq!(network("1"), network("ffff"), "a host has a /64 network");
        assert_eq!(
            source("[::ffff:10.0.0.1]:1".parse().unwrap()),
            source("10.0.0.1:2".parse().unwrap())
        );
    }
}
