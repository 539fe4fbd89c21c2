//! [`Injector`]: causes one fault after another, and waits after each until the group is of use again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use grid_chaos::Pair;
use grid_kv::client::Client;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tokio::time::{Instant, sleep};

use crate::fault::{Deck, Kind, target};
use crate::fleet::{Fleet, Place};
use crate::journal::Journal;
use crate::members::Members;
use crate::message::Order;
use crate::meter::Meter;
use crate::site;

/// A fault of the leader lasts until another node serves, but not longer than this.
const FAILOVER_MAX: Duration = Duration::from_secs(15);

/// A node notices a full disk with its next write.
const FULL_MAX: Duration = Duration::from_secs(10);

/// A node that shuts down has this long. Its own limit is three seconds.
const SHUTDOWN_MAX: Duration = Duration::from_secs(60);

/// How far clocks are stepped, in seconds: less and more than handshakes tolerate.
const STEP_MAX: i64 = 7200;

/// The least that `KILL` and such last in milliseconds, and the most.
pub(crate) const HOLD_MS: std::ops::Range<u64> = 0..1500;
/// Less than an election: nobody notices.
const SHORT_MS: std::ops::Range<u64> = 50..450;
/// Longer than an election: another node leads when the process goes on.
pub(crate) const LONG_MS: std::ops::Range<u64> = 2500..5000;
/// From the end of a fault to the next one.
const PAUSE_MS: std::ops::Range<u64> = 300..1500;

/// Faults of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) faults: u64,
    pub(crate) of_leader: u64,
    /// After these, no other node has served as long as the fault lasted.
    pub(crate) without_failover: u64,
    /// The longest time without an acknowledged write from their beginning until the group was of use again.
    pub(crate) longest_pause: Duration,
}

/// Causes faults.
#[derive(Debug)]
pub(crate) struct Injector {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) members: Arc<Members>,
    pub(crate) operator: Client,
    pub(crate) clients: u8,
    pub(crate) random: StdRng,
    pub(crate) deck: Deck,
    pub(crate) patience: Duration,
    pub(crate) counts: BTreeMap<Kind, Count>,
}

impl Injector {
    /// Causes faults for this long.
    pub(crate) async fn run(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.journal.is_hopeless() {
            let Some(kind) = self.deck.draw(&mut self.random) else { return Ok(()) };
            let began = Instant::now();
            self.cause(kind).await?;
            self.recover(kind).await;
            let count = self.counts.entry(kind).or_default();
            count.longest_pause = count.longest_pause.max(self.meter.longest_pause_since(began));
            self.fleet.ended().iter().for_each(|text| self.journal.violation(text));
            let pause = self.millis(PAUSE_MS);
            sleep(pause).await;
        }
        Ok(())
    }

    pub(crate) fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    /// Waits until a write is acknowledged.
    async fn recover(&self, kind: Kind) {
        if self.meter.served_since(Instant::now(), self.patience).await.is_none() {
            let (patience, name) = (self.patience, kind.name());
            let text = format!("no write is acknowledged {patience:?} after the end of: {name}");
            self.journal.violation(&text);
        }
    }

    async fn cause(&mut self, kind: Kind) -> io::Result<()> {
        let leader = self.fleet.leader(&self.operator).await.map(|status| site::place(status.id));
        let running = self.fleet.running();
        let Some(place) = target(&mut self.random, &running, leader) else { return Ok(()) };
        let is_of_leader = leader == Some(place) && !kind.takes_majority();
        let count = self.counts.entry(kind).or_default();
        count.faults += 1;
        count.of_leader += u64::from(is_of_leader);
        let of = if is_of_leader { ", the leader" } else { "" };
        self.journal.note(&format!("{} at {place}{of}", kind.name()));
        let began = Instant::now();
        let fails_over = is_of_leader && kind.ends_leader();
        match kind {
            Kind::PowerLossOfAll => self.lose_all_power(&running).await?,
            Kind::SplitAll => self.split_all(&running).await,
            Kind::ClockStep => self.step_clock(place).await?,
            Kind::Isolate | Kind::IsolateCompletely | Kind::Mute | Kind::Deaf | Kind::Split => {
                self.part(kind, place, &running, fails_over).await
            }
            _ => self.end_process(kind, place, fails_over).await?,
        }
        // A side of two nodes is no majority of four or five.
        if kind.takes_majority() || kind == Kind::Split && self.members.is_changing() {
            self.recover(kind).await;
            self.meter.had_no_majority(began);
        }
        Ok(())
    }

    /// Lets a fault last: one of the leader until another one serves.
    pub(crate) async fn hold(
        &mut self,
        kind: Kind,
        since: Instant,
        fails_over: bool,
        hold: Duration,
    ) {
        if !fails_over {
            return sleep(hold).await;
        }
        match self.meter.served_since(since, FAILOVER_MAX).await {
            Some(took) => self.meter.failed_over(kind, took),
            None => self.counts.entry(kind).or_default().without_failover += 1,
        }
        sleep(hold).await;
    }

    /// Ends or stops the process of a node.
    async fn end_process(&mut self, kind: Kind, place: u8, fails_over: bool) -> io::Result<()> {
        let fleet = Arc::clone(&self.fleet);
        let mut slot = fleet.place(place).await;
        let mut since = Instant::now();
        match kind {
            Kind::ShortStop => {
                let time = self.millis(SHORT_MS);
                return Fleet::stop(&slot, time).await;
            }
            Kind::Stop => return self.stop(&slot, fails_over).await,
            Kind::Kill => {
                fleet.kill(place, &mut slot).await?;
                since = Instant::now();
            }
            Kind::DiskFull => {
                self.fill_disk(place, &mut slot, fails_over).await?;
                self.start(place, &mut slot).await;
                return Ok(());
            }
            Kind::Restart => self.shut_down(place, &mut slot).await?,
            _ => {
                fleet.lose_power(place, &mut slot).await?;
                since = Instant::now();
            }
        }
        let hold = self.millis(HOLD_MS);
        self.hold(kind, since, fails_over, hold).await;
        self.start(place, &mut slot).await;
        Ok(())
    }

    /// Starts a node again. One that does not start stays away: what that does to clients is judged as well.
    async fn start(&self, place: u8, slot: &mut Place) {
        if let Err(error) = self.fleet.start(place, slot).await {
            self.journal.violation(&error.to_string());
        }
    }

    async fn stop(&mut self, slot: &Place, fails_over: bool) -> io::Result<()> {
        let time = self.millis(LONG_MS);
        let since = Instant::now();
        // Both at once: it may be over before another node serves.
        let (served, stopped) =
            tokio::join!(self.meter.served_since(since, time), Fleet::stop(slot, time),);
        stopped?;
        match served {
            Some(took) if fails_over => self.meter.failed_over(Kind::Stop, took),
            None if fails_over => {
                self.counts.entry(Kind::Stop).or_default().without_failover += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Fills the disk of a node, and waits until the node has noticed.
    async fn fill_disk(&mut self, place: u8, slot: &mut Place, fails_over: bool) -> io::Result<()> {
        let Some(process) = &mut slot.process else { return Ok(()) };
        let since = Instant::now();
        process.order(Order::FillDisk).await?;
        let (served, status) =
            tokio::join!(self.meter.served_since(since, FAILOVER_MAX), process.ended(FULL_MAX),);
        if status.is_some_and(|status| status.success()) {
            self.journal
                .violation(&format!("the node at {place} ends with success on a full disk"));
        }
        match (status, served) {
            // It has nothing to write, because it was just removed from the group.
            (None, _) => self.journal.note("the full disk was not noticed"),
            (Some(_), Some(took)) if fails_over => self.meter.failed_over(Kind::DiskFull, took),
            (Some(_), None) if fails_over => {
                self.counts.entry(Kind::DiskFull).or_default().without_failover += 1;
            }
            _ => {}
        }
        self.fleet.lose_power(place, slot).await?;
        let hold = self.millis(HOLD_MS);
        sleep(hold).await;
        Ok(())
    }

    async fn shut_down(&mut self, place: u8, slot: &mut Place) -> io::Result<()> {
        let Some(process) = &mut slot.process else { return Ok(()) };
        process.order(Order::Shutdown).await?;
        match process.ended(SHUTDOWN_MAX).await {
            Some(status) if status.success() => {}
            status => {
                let status = status.map_or("does not end".to_owned(), |status| status.to_string());
                let text = format!("the node at {place} was told to shut down, and: {status}");
                self.journal.violation(&text);
            }
        }
        self.fleet.lose_power(place, slot).await
    }

    async fn lose_all_power(&mut self, running: &[u8]) -> io::Result<()> {
        let fleet = Arc::clone(&self.fleet);
        let mut slots = Vec::new();
        for place in running {
            slots.push((*place, fleet.place(*place).await));
        }
        for (place, slot) in &mut slots {
            fleet.lose_power(*place, slot).await?;
        }
        let hold = self.millis(HOLD_MS);
        sleep(hold).await;
        slots.shuffle(&mut self.random);
        for (place, mut slot) in slots {
            self.start(place, &mut slot).await;
        }
        Ok(())
    }

    /// Steps the clock of a node, and closes its connections, because handshakes state the time.
    async fn step_clock(&mut self, place: u8) -> io::Result<()> {
        let fleet = Arc::clone(&self.fleet);
        let step = self.random.random_range(-STEP_MAX..=STEP_MAX);
        self.journal.note(&format!("step the clock by {step} s"));
        fleet.clock(place).step(step)?;
        self.close_all(place);
        let hold = self.millis(LONG_MS);
        sleep(hold).await;
        fleet.clock(place).step(0)?;
        self.close_all(place);
        Ok(())
    }

    fn close_all(&self, place: u8) {
        let others = (0..site::of_client(self.clients)).filter(|other| *other != place);
        others.for_each(|other| self.fleet.links.close(Pair::new(place, other)));
    }
}
