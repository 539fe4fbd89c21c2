//! [`Network`]: connects nodes of one process, and applies faults to their connections. wire.rs carries the bytes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpStream;

use super::conditions::{Conditions, Heading, WatchedConditions};
use super::random::Random;
use super::wire::carry;
use crate::error::LinkError;
use crate::net::{Accepted, Dial, Dialing, Io, Manager, WeakManager, tune};

/// Bytes that each end of a connection holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// A network inside a process, for nodes that a test builds itself. [`TestGrid`](super::TestGrid) has one, and is less work.
///
/// Nodes find each other by name. A node dials through its [`dialer`](Self::dialer), and others reach it after
/// [`attach`](Self::attach), over pipes in memory. Faults are those between two names, whichever of both dials. Cheap to
/// clone; all clones are one network, which does not keep nodes alive.
///
/// ```
/// use grid::testing::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let hosts = ["http://a:1", "http://b:1"];
/// let start = |name: &str| -> Result<grid::Manager, grid::BuildError> {
///     let builder = grid::Manager::builder(name).hosts(hosts).token(grid::NoAuth);
///     let node = builder.dial_with(network.dialer(name)).build()?;
///     network.attach(&node);
///     Ok(node)
/// };
/// let (a, _b) = (start(hosts[0])?, start(hosts[1])?);
/// a.connection(hosts[1])?.wait_connected(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Network {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    seed: u64,
    /// The nodes that can be reached.
    targets: HashMap<String, Target>,
    /// By two names, of which the smaller one is first.
    pairs: BTreeMap<(String, String), Pair>,
    /// The number of the last connection.
    opened: u64,
    /// The number of attempts to open one.
    dialed: usize,
}

/// What is between two nodes.
#[derive(Default)]
struct Pair {
    conditions: WatchedConditions,
    /// Connections that were opened between them. With the seed, it decides what they lose.
    opened: u64,
}

#[derive(Clone)]
enum Target {
    Memory(WeakManager),
    Address(SocketAddr),
}

impl Network {
    /// Creates a network without nodes and faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a network whose [`loss`](Self::loss) is decided by this seed. That of [`new`](Self::new) is 0.
    pub fn with_seed(seed: u64) -> Self {
        let network = Self::default();
        network.lock().seed = seed;
        network
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the node of this name dials with, for [`Builder::dial_with`](crate::Builder::dial_with).
    pub fn dialer(&self, from: impl Into<String>) -> NetworkDial {
        NetworkDial { network: self.clone(), from: from.into() }
    }

    /// Makes a node reachable under its name. One that was reachable under that name before is replaced.
    pub fn attach(&self, node: &Manager) {
        self.attach_as(node.name(), node);
    }

    /// Makes a node reachable under another name, as a wrong address would.
    pub fn attach_as(&self, name: &str, node: &Manager) {
        let target = Target::Memory(node.downgrade());
        self.lock().targets.insert(name.to_owned(), target);
    }

    /// Makes a node reachable under this name that listens on a socket: its dialers connect over TCP. Faults work as in memory.
    /// The clock must not be paused then.
    pub fn attach_at(&self, name: &str, address: SocketAddr) {
        self.lock().targets.insert(name.to_owned(), Target::Address(address));
    }

    /// Makes a node unreachable. Connections that are open stay open.
    pub fn detach(&self, name: &str) {
        self.lock().targets.remove(name);
    }

    /// Number of attempts to dial so far, of all nodes.
    pub fn dialed(&self) -> usize {
        self.lock().dialed
    }

    /// Ends the connections between two nodes, and lets new ones fail until [`heal`](Self::heal).
    pub fn cut(&self, a: &str, b: &str) {
        self.end(a, b, |conditions| conditions.is_cut = true);
    }

    /// Ends the connections between two nodes that are open now. New ones can be opened at once.
    pub fn reset(&self, a: &str, b: &str) {
        self.end(a, b, |_| {});
    }

    /// Ends the connections between two nodes that are open now, and changes the conditions of new ones, at once: no
    /// connection can be opened in between.
    fn end(&self, a: &str, b: &str, change: impl FnOnce(&mut Conditions)) {
        let mut inner = self.lock();
        let next = inner.opened + 1;
        inner.pair(a, b).conditions.change(|conditions| {
            conditions.closed_below = next;
            change(conditions);
        });
    }

    /// Ends all connections that are open now. New ones can be opened at once.
    pub fn reset_all(&self) {
        self.lock().reset(|_| true);
    }

    /// Ends the connections of one node, with all others.
    pub(super) fn reset_node(&self, name: &str) {
        self.lock().reset(|(a, b)| a == name || b == name);
    }

    /// Stops carrying anything between two nodes until [`heal`](Self::heal), without closing their connections; new ones are
    /// not opened either, until the dialer gives up. What was sent meanwhile arrives after that.
    pub fn freeze(&self, a: &str, b: &str) {
        self.change(a, b, |conditions| conditions.frozen = [true; 2]);
    }

    /// Stops carrying what `from` sends to `to` until [`heal`](Self::heal); what `to` sends still arrives. Otherwise as
    /// [`freeze`](Self::freeze).
    pub fn freeze_one_way(&self, from: &str, to: &str) {
        let heading = Heading::of(from, to);
        self.change(from, to, |conditions| conditions.frozen[heading as usize] = true);
    }

    /// Stops carrying anything on the connections between two nodes that are open now, without closing them, as behind a
    /// firewall that has forgotten them. New ones work.
    pub fn freeze_open(&self, a: &str, b: &str) {
        let mut inner = self.lock();
        let next = inner.opened + 1;
        inner.pair(a, b).conditions.change(|conditions| conditions.frozen_below = next);
    }

    /// Stops carrying anything on all connections that are open now, as [`freeze_open`](Self::freeze_open) does.
    pub fn freeze_all_open(&self) {
        let inner = self.lock();
        let next = inner.opened + 1;
        for pair in inner.pairs.values() {
            pair.conditions.change(|conditions| conditions.frozen_below = next);
        }
    }

    /// Delays everything between two nodes by this much, in each direction, so a call takes twice as long. This is latency:
    /// up to 8 MiB are on their way at once. Opening a connection takes a round trip.
    pub fn delay(&self, a: &str, b: &str, delay: Duration) {
        self.change(a, b, |conditions| conditions.delay = delay);
    }

    /// Carries at most this many bytes per second on each connection between two nodes, in each direction. A sender is slowed
    /// down when it is 100 ms or two pieces of 8 KiB ahead, whichever is more.
    ///
    /// # Panics
    /// If it is 0. [`freeze`](Self::freeze) carries nothing.
    #[track_caller]
    pub fn bandwidth(&self, a: &str, b: &str, bytes_per_second: u32) {
        let bandwidth = NonZeroU32::new(bytes_per_second);
        assert!(
            bandwidth.is_some(),
            "a bandwidth of 0 between {a} and {b}: `freeze` carries nothing"
        );
        self.change(a, b, |conditions| conditions.bandwidth = bandwidth);
    }

    /// Number of connections between two nodes that are open now. Those that are being closed count.
    pub fn connections(&self, a: &str, b: &str) -> usize {
        self.lock().pair(a, b).conditions.open()
    }

    /// Loses this share of what is sent between two nodes, from 0 to less than 1.
    ///
    /// Nodes use reliable byte streams, so what is lost is sent again. A loss is therefore a stall: a piece of at most 8 KiB and
    /// everything behind it arrive 200 ms later, and 400 ms after that if the piece is lost again, and so on. Which pieces are
    /// lost is decided by the [seed](Self::with_seed), the names, and how many connections between them were opened before.
    ///
    /// # Panics
    /// If `ratio` is not in that range. [`freeze`](Self::freeze) loses everything.
    #[track_caller]
    pub fn loss(&self, a: &str, b: &str, ratio: f64) {
        assert!(
            (0.0..1.0).contains(&ratio),
            "a loss of {ratio} between {a} and {b}: it is a share from 0 to less than 1; `freeze` loses everything"
        );
        self.change(a, b, |conditions| conditions.loss = ratio);
    }

    /// Ends all faults between two nodes. What is on its way arrives when it would have. Connections that were ended stay closed;
    /// nodes dial again by themselves.
    pub fn heal(&self, a: &str, b: &str) {
        self.change(a, b, |conditions| *conditions = conditions.healed());
    }

    /// Ends all faults.
    pub fn heal_all(&self) {
        for pair in self.lock().pairs.values() {
            pair.conditions.change(|conditions| *conditions = conditions.healed());
        }
    }

    fn change(&self, a: &str, b: &str, change: impl FnOnce(&mut Conditions)) {
        self.lock().pair(a, b).conditions.change(change);
    }

    /// The faults between two nodes, as a text.
    pub(super) fn faults(&self, a: &str, b: &str) -> Option<String> {
        self.lock().pair(a, b).conditions.now().faults()
    }

    /// Opens a connection, and lets a task carry its bytes.
    async fn open(&self, from: &str, to: &str) -> Result<DuplexStream, LinkError> {
        self.wait_for_route(from, to).await;
        let opened = self.lock().open(from, to)?;
        let (near, near_end) = duplex(PIPE_BYTES);
        match &opened.target {
            Target::Memory(node) => {
                let node = node.upgrade().ok_or_else(|| no_route(to))?;
                let (far_end, far) = duplex(PIPE_BYTES);
                Self::spawn(near_end, far_end, opened);
                tokio::spawn(async move {
                    // The node logs why it refuses a peer that it knows, and the dialer is told.
                    let _ = node.accept_from(Accepted::new(far).before_tls()).await;
                });
            }
            Target::Address(address) => {
                let socket = TcpStream::connect(address).await?;
                tune(&socket)?;
                Self::spawn(near_end, socket, opened);
            }
        }
        Ok(near)
    }

    /// Waits as long as opening a connection takes.
    async fn wait_for_route(&self, from: &str, to: &str) {
        let conditions = {
            let mut inner = self.lock();
            inner.dialed += 1;
            inner.pair(from, to).conditions.clone()
        };
        let decided = |now: &Conditions| now.is_cut || !now.blocks_opening();
        let now = conditions.wait_for(decided).await;
        if !now.is_cut && !now.delay.is_zero() {
            tokio::time::sleep(2 * now.delay).await;
        }
    }

    fn spawn(near: DuplexStream, far: impl Io + 'static, opened: Opened) {
        let Opened { number, conditions, directions, .. } = opened;
        tokio::spawn(carry(near, far, number, conditions, directions));
    }
}

/// A connection that is being opened.
struct Opened {
    target: Target,
    number: u64,
    conditions: WatchedConditions,
    /// What the dialer sends, and what it receives.
    directions: [(Heading, Random); 2],
}

fn no_route(to: &str) -> LinkError {
    LinkError::connect(format!("no route to {to}"))
}

impl Inner {
    /// Numbers a new connection, if it can be opened.
    fn open(&mut self, from: &str, to: &str) -> Result<Opened, LinkError> {
        let (target, seed) = (self.targets.get(to).cloned(), self.seed);
        let number = self.opened + 1;
        let pair = self.pair(from, to);
        if pair.conditions.now().is_cut {
            let text = format!("no route from {from} to {to}: the test has cut it");
            return Err(LinkError::connect(text));
        }
        let target = target.ok_or_else(|| no_route(to))?;
        pair.opened += 1;
        let directions = [[from, to], [to, from]]
            .map(|names| (Heading::of(names[0], names[1]), Random::new(seed, names, pair.opened)));
        let conditions = pair.conditions.clone();
        self.opened = number;
        Ok(Opened { target, number, conditions, directions })
    }

    fn pair(&mut self, a: &str, b: &str) -> &mut Pair {
        let pair = if a <= b { (a, b) } else { (b, a) };
        self.pairs.entry((pair.0.to_owned(), pair.1.to_owned())).or_default()
    }

    fn reset(&self, applies: impl Fn(&(String, String)) -> bool) {
        let next = self.opened + 1;
        for (_, pair) in self.pairs.iter().filter(|(names, _)| applies(names)) {
            pair.conditions.change(|conditions| conditions.closed_below = next);
        }
    }
}

/// Nobody can heal anything any more: connections that are frozen end.
impl Drop for Inner {
    fn drop(&mut self) {
        for pair in self.pairs.values() {
            pair.conditions.change(|conditions| {
                let frozen_below =
                    if conditions.blocks_opening() { u64::MAX } else { conditions.frozen_below };
                conditions.closed_below = conditions.closed_below.max(frozen_below);
            });
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.lock().targets.keys().cloned().collect();
        names.sort();
        f.debug_struct("Network").field("nodes", &names).finish_non_exhaustive()
    }
}

/// Opens connections of one node in a [`Network`], from [`Network::dialer`].
#[derive(Debug, Clone)]
pub struct NetworkDial {
    network: Network,
    from: String,
}

impl Dial for NetworkDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let stream = self.network.open(&self.from, name).await?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
