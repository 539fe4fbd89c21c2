//! The connections of one peer that dials this node: which of them is accepted, and the one that waits for the link's
//! task.
//!
//! When the Connect message of a connection has been read, its [`Claim`] is accepted or refused, before the answer is
//! sent. Claims are ordered by what the dialer says: of two dials of one run of the peer, the one with the higher number
//! is the later one, even if it was read first. A connection of another run replaces that of the present one, as after a
//! restart that this node has not noticed. But a run that was replaced and comes back has not ended: then two processes
//! use one name. The one that is connected stays, and the other is refused; and for a while, runs that are new have to
//! wait.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::handshake::Arrival;
use crate::error::LinkError;
use crate::net::link::state::Instance;

/// Runs that were replaced while they were connected, and may come back.
const REPLACED_MAX: usize = 8;

/// How long a run cannot be replaced by another one after it has replaced one itself. Doubled with each replacement, so
/// that processes with one name do not replace each other all the time.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// After this time without a replacement, the pause is short again.
const QUIET: Duration = Duration::from_secs(600);

/// What a connection states about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) instance: Instance,
    /// The number of the dial, if the peer states one.
    pub(super) dial: Option<u64>,
    pub(super) address: Option<SocketAddr>,
    /// Its token proves the name of the peer, and does not only permit to state it.
    pub(super) is_proven: bool,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}", self.instance)?;
        self.address.map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The name of the peer.
    name: Arc<str>,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Default)]
struct Inner {
    /// The accepted claims that are connected or about to be, by their places in the order. A later one replaces the
    /// earlier ones, but only once its connection is there.
    live: BTreeMap<u64, Claim>,
    /// The last accepted claim, whether or not its connection still exists.
    last: Option<Claim>,
    accepted: u64,
    /// The connection that waits for the link's task.
    waiting: Option<(u64, Claim, Arrival)>,
    /// Place in the order of the latest connection that has waited here.
    delivered: u64,
    replaced: VecDeque<Instance>,
    /// When a run was last replaced by another one, and for how long the next one is not.
    pause: Option<(Instant, Duration)>,
    /// When a run that was replaced last came back.
    contested: Option<Instant>,
    /// The link's task has ended.
    is_closed: bool,
}

impl Arrivals {
    pub(super) fn new(name: Arc<str>) -> Arc<Self> {
        Arc::new(Self { name, inner: Mutex::default(), arrived: Notify::new() })
    }

    /// Accepts or refuses a claim.
    pub(super) fn claim(self: &Arc<Self>, claim: Claim) -> Result<Ticket, LinkError> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(LinkError::ShutDown);
        }
        if inner.live.values().any(|live| live.is_proven) && !claim.is_proven {
            let name = &self.name;
            let reason = format!(
                "it does not prove the name {name}, and a connection is up that has proven it"
            );
            return Err(LinkError::Denied { reason });
        }
        // A claim that has proven the name is not refused because of one that has not.
        let last = inner.last.filter(|last| last.is_proven || !claim.is_proven);
        if let (Some(last), Some(dial)) = (last, claim.dial)
            && last.instance == claim.instance
            && let Some(latest) = last.dial
            && dial <= latest
        {
            return Err(LinkError::StaleDial { dial, latest });
        }
        // A peer of the base protocol replaces its connection in any case.
        if let Some(last) = last
            && last.instance != claim.instance
            && claim.dial.is_some()
        {
            inner.replace(last, claim, &self.name)?;
        }
        inner.replaced.retain(|instance| *instance != claim.instance);
        inner.accepted += 1;
        let order = inner.accepted;
        inner.live.insert(order, claim);
        inner.last = Some(claim);
        drop(inner);
        Ok(Ticket { arrivals: Arc::clone(self), order, claim, is_used: false })
    }

    /// Waits for the next connection.
    ///
    /// Cancel safe.
    pub(super) async fn next(&self) -> (u64, Claim, Arrival) {
        loop {
            let arrived = self.arrived.notified();
            if let Some(waiting) = self.lock().waiting.take() {
                return waiting;
            }
            arrived.await;
        }
    }

    /// Waits until [`next`](Self::next) has a connection. Returns what it states.
    pub(super) async fn waiting(&self) -> Claim {
        loop {
            let arrived = self.arrived.notified();
            if let Some((_, claim, _)) = &self.lock().waiting {
                return *claim;
            }
            arrived.await;
        }
    }

    /// The connection with this place in the order has ended.
    pub(super) fn ended(&self, order: u64) {
        let mut inner = self.lock();
        inner.live.remove(&order);
        // A run that was accepted and whose connection never came has replaced no other.
        if let Some((_, live)) = inner.live.last_key_value() {
            let live = *live;
            inner.last = Some(live);
            inner.replaced.retain(|instance| *instance != live.instance);
        }
    }

    /// Refuses all further connections.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let waiting = inner.waiting.take();
        drop(inner);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Decides whether another run than the last one may connect.
    fn replace(&mut self, last: Claim, claim: Claim, name: &str) -> Result<(), LinkError> {
        let now = Instant::now();
        let (since, pause) = self.pause.unwrap_or((now, Duration::ZERO));
        let is_connected = !self.live.is_empty();
        let comes_back = self.replaced.contains(&claim.instance);
        if comes_back {
            self.contested = Some(now);
        }
        let is_contested = self.contested.is_some_and(|since| now - since < QUIET);
        let has_to_wait = now - since < pause;
        let refused = match is_connected {
            true => comes_back || has_to_wait,
            // Usually the process was restarted. While two processes use the name, a third one is more likely.
            false => !comes_back && is_contested && has_to_wait,
        };
        if refused {
            let detail = match is_connected {
                true => format!("{name} is connected as {last}, and {claim} is refused"),
                false => format!("{name} was connected as {last}, and {claim} is refused"),
            };
            return Err(LinkError::NameTaken { detail });
        }
        if is_connected || is_contested && !comes_back {
            let pause = if now - since > QUIET { Duration::ZERO } else { pause };
            self.pause = Some((now, (2 * pause).clamp(PAUSE_MIN, PAUSE_MAX)));
        }
        if is_connected {
            if self.replaced.len() == REPLACED_MAX {
                self.replaced.pop_front();
            }
            self.replaced.push_back(last.instance);
        }
        Ok(())
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("live", &self.live)
            .field("replaced", &self.replaced)
            .finish_non_exhaustive()
    }
}

/// An accepted claim, whose connection is not there yet.
#[derive(Debug)]
pub(super) struct Ticket {
    arrivals: Arc<Arrivals>,
    order: u64,
    claim: Claim,
    is_used: bool,
}

impl Ticket {
    /// Passes the connection to the link's task, without waiting. Returns the connection that cannot be passed on, because
    /// this one or a later one takes its place, with the reason.
    pub(super) fn deliver(
        mut self,
        arrival: Arrival,
    ) -> Result<Option<Arrival>, Box<(Arrival, LinkError)>> {
        let mut inner = self.arrivals.lock();
        if inner.is_closed {
            return Err(Box::new((arrival, LinkError::ShutDown)));
        }
        if inner.delivered > self.order {
            return Err(Box::new((arrival, LinkError::Replaced { by: None })));
        }
        self.is_used = true;
        inner.delivered = self.order;
        let unused = inner.waiting.replace((self.order, self.claim, arrival));
        if let Some((order, ..)) = &unused {
            inner.live.remove(order);
        }
        drop(inner);
        self.arrivals.arrived.notify_waiters();
        Ok(unused.map(|(_, _, arrival)| arrival))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_used {
            self.arrivals.ended(self.order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(run: u8, dial: u64) -> Claim {
        Claim { instance: Instance([run; 16]), dial: Some(dial), address: None, is_proven: false }
    }

    #[tokio::test(start_paused = true)]
    async fn dials_are_ordered_by_their_numbers() {
        let arrivals = Arrivals::new("http://a:1".into());
        let second = arrivals.claim(claim(1, 2)).unwrap();
        let stale = arrivals.claim(claim(1, 1)).unwrap_err();
        assert_eq!(stale, LinkError::StaleDial { dial: 1, latest: 2 });
        drop(second);
        arrivals.claim(claim(1, 2)).expect_err("a number is used once");
        arrivals.claim(claim(1, 3)).unwrap();
        arrivals.claim(claim(2, 1)).expect("another run counts for itself");
        let base = Claim { dial: None, ..claim(2, 0) };
        arrivals.claim(base).expect("a peer of the base protocol states no number");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_only_stated_replaces_none_that_is_proven() {
        let arrivals = Arrivals::new("http://a:1".into());
        let proven = |run, dial| Claim { is_proven: true, ..claim(run, dial) };
        let _stated = arrivals.claim(claim(1, 1)).unwrap();
        let first = arrivals.claim(proven(1, 2)).unwrap();
        for stated in [claim(1, 3), claim(2, 1), Claim { dial: None, ..claim(3, 0) }] {
            let error = arrivals.claim(stated).unwrap_err();
            assert!(error.to_string().contains("does not prove the name http://a:1"), "{error}");
        }
        let second = arrivals.claim(proven(1, 3)).unwrap();
        drop((first, second));
        arrivals.claim(claim(2, 1)).expect("nothing is up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_replaced_run_that_comes_back_is_refused_while_the_other_one_is_connected() {
        let arrivals = Arrivals::new("http://a:1".into());
        let _first = arrivals.claim(claim(1, 1)).unwrap();
        let second = arrivals.claim(claim(2, 1)).unwrap();
        let refused = arrivals.claim(claim(1, 2)).unwrap_err().to_string();
        for instance in [claim(1, 0).instance, claim(2, 0).instance] {
            assert!(refused.contains(&instance.to_string()), "{refused}");
        }
        drop(second);
        arrivals.claim(claim(1, 3)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_fails_late_takes_nothing_from_the_connection_that_is_up() {
        let arrivals = Arrivals::new("http://a:1".into());
        let proven = |run, dial| Claim { is_proven: true, ..claim(run, dial) };
        let up = arrivals.claim(proven(1, 1)).unwrap();
        drop(arrivals.claim(proven(1, 2)).unwrap());
        arrivals.claim(claim(2, 1)).expect_err("the first one is up, and proves the name");
        drop(up);
        // What has not proven the name does not stand in the way of what does.
        drop(arrivals.claim(claim(1, u64::MAX)).unwrap());
        arrivals.claim(proven(1, 3)).expect("the name is proven");
    }

    #[tokio::test(start_paused = true)]
    async fn runs_that_replace_each_other_have_to_pause_longer_and_longer() {
        let arrivals = Arrivals::new("http://a:1".into());
        let start = Instant::now();
        let (mut run, mut times) = (0, Vec::new());
        let mut tickets = Vec::new();
        while start.elapsed() < Duration::from_secs(200) {
            run += 1;
            let claim = Claim { instance: Instance((run as u128).to_le_bytes()), ..claim(0, 1) };
            if let Ok(ticket) = arrivals.claim(claim) {
                times.push(start.elapsed().as_secs());
                tickets.push(ticket);
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(times, [0, 0, 1, 3, 7, 15, 31, 63, 123, 183]);
    }
}
