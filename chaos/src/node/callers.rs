//! The tasks that call the other nodes: for each, some that make calls of random shapes, one with long streams, and one with
//! probes and posts.

use std::sync::Arc;
use std::time::Duration;

use grid::{Manager, Retry, UnknownHost};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::attempt::Attempt;
use super::service::ChaosClient;
use super::shared::Shared;
use super::{single, streams};
use crate::clock::Moment;
use crate::content::Ask;
use crate::message::{End, Ended, Report};
use crate::shape::Shape;

/// Tasks with calls of random shapes, for each other node.
const WORKERS: u64 = 4;

/// Between two probes: the resolution of what is measured of recoveries.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// After a call that was refused, because the next one would be refused as quickly.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// How often each shape is chosen.
const WEIGHTS: [(Shape, u32); 11] = [
    (Shape::Small, 30),
    (Shape::Kib64, 8),
    (Shape::Mib1, 1),
    (Shape::Blocking, 8),
    (Shape::Slow, 6),
    (Shape::Failing, 6),
    (Shape::Waiting, 8),
    (Shape::Retried, 8),
    (Shape::ServerStream, 8),
    (Shape::ClientStream, 8),
    (Shape::TwoWay, 8),
];

/// All callers of a node.
pub(super) struct Callers {
    targets: Vec<Target>,
    tasks: JoinSet<()>,
    /// Becomes true when no further calls are to be made.
    over: watch::Sender<bool>,
    /// Becomes true when long streams are to be left.
    leave: watch::Sender<bool>,
}

impl Callers {
    pub(super) fn start(shared: &Arc<Shared>, manager: &Manager) -> Result<Self, UnknownHost> {
        let (over, leave) = (watch::Sender::new(false), watch::Sender::new(false));
        let mut callers = Self { targets: Vec::new(), tasks: JoinSet::new(), over, leave };
        let retry = Retry::new().attempts(4);
        for (node, name) in (0..).zip(&shared.setup.names) {
            if node != shared.setup.life.node {
                let target = Target {
                    shared: Arc::clone(shared),
                    node,
                    client: ChaosClient::new(manager.connection(name)?),
                    retry: retry.clone(),
                    over: callers.over.subscribe(),
                    leave: callers.leave.subscribe(),
                };
                callers.call(&target);
                callers.targets.push(target);
            }
        }
        Ok(callers)
    }

    fn call(&mut self, target: &Target) {
        for worker in 0..WORKERS {
            self.tasks.spawn(target.clone().work(worker));
        }
        self.tasks.spawn(target.clone().long_streams());
        self.tasks.spawn(target.clone().probes());
    }

    pub(super) fn leave_long_streams(&self) {
        self.leave.send_replace(true);
    }

    /// Waits until all calls have ended.
    pub(super) async fn finish(&mut self) {
        self.over.send_replace(true);
        self.leave_long_streams();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Makes one call of each shape to each node. They must be answered.
    pub(super) async fn round(&mut self) {
        // The last round of all: long streams are not to be left now.
        self.leave = watch::Sender::new(false);
        for mut target in self.targets.clone() {
            target.leave = self.leave.subscribe();
            self.tasks.spawn(target.round());
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Another node, from the point of view of a caller.
#[derive(Clone)]
struct Target {
    shared: Arc<Shared>,
    node: u8,
    client: ChaosClient,
    retry: Retry,
    over: watch::Receiver<bool>,
    leave: watch::Receiver<bool>,
}

impl Target {
    /// Makes calls of random shapes, one after another.
    async fn work(self, worker: u64) {
        let mut random = self.random(worker);
        let pause_ms_max = 2 * self.shared.setup.pause_ms;
        while !*self.over.borrow() {
            let weighted = WEIGHTS.choose_weighted(&mut random, |(_, weight)| *weight);
            let shape = weighted.map_or(Shape::Small, |(shape, _)| *shape);
            let attempt = Attempt::random(shape, &mut random);
            let ended = self.make(&attempt).await;
            sleep(Duration::from_millis(random.random_range(0..=pause_ms_max))).await;
            if ended.end == End::NotRun {
                sleep(REFUSED_PAUSE).await;
            }
        }
    }

    /// Keeps one long stream open.
    async fn long_streams(self) {
        let mut random = self.random(100);
        while !*self.leave.borrow() {
            let attempt = Attempt::random(Shape::LongTalk, &mut random);
            self.make(&attempt).await;
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes probes and posts. A probe does not wait for the one before.
    async fn probes(self) {
        let mut random = self.random(200);
        let mut probes = JoinSet::new();
        let mut ticks = interval(PROBE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !*self.over.borrow() {
            ticks.tick().await;
            while probes.try_join_next().is_some() {}
            let probe = Attempt::random(Shape::Probe, &mut random);
            let target = self.clone();
            probes.spawn(async move { target.make(&probe).await });
            self.make(&Attempt::random(Shape::Post, &mut random)).await;
        }
        while probes.join_next().await.is_some() {}
    }

    async fn round(self) {
        let mut random = self.random(300);
        for shape in Shape::ALL {
            let attempt = Attempt::certain(shape, &mut random);
            let ended = self.make(&attempt).await;
            if ended.end != End::Answered && ended.label != "posted" {
                let what = format!(
                    "a {} of the last round was not answered: {} {}",
                    shape.name(),
                    ended.label,
                    ended.text
                );
                self.shared.check(ended.call, self.node, Err(what));
            }
        }
    }

    /// Makes a call, watches it, and reports how it has ended.
    async fn make(&self, attempt: &Attempt) -> Ended {
        let shared = &*self.shared;
        let call = shared.next_call();
        let ask = Ask::new(shared.key(), call, self.node, attempt.wanted, attempt.bytes);
        let slack = Duration::from_millis(shared.setup.slack_ms);
        let began = Moment::now();
        let running = async {
            match attempt.shape.is_stream() {
                true => streams::stream(shared, &self.client, attempt, &ask).await,
                false => single::request(shared, &self.client, &self.retry, attempt, &ask).await,
            }
        };
        let watched = attempt.watch(running, &shared.pulse, slack, self.leave.clone());
        let (outcome, late) = watched.await;
        let ended = Ended {
            call,
            to: self.node,
            shape: attempt.shape,
            end: outcome.end,
            label: outcome.label.to_owned(),
            text: outcome.text,
            items: outcome.items,
            began,
            ended: Moment::now(),
            late_ms: late.as_millis() as u64,
        };
        shared.reporter.report(&Report::Ended(ended.clone()));
        ended
    }

    /// What a task decides at random, differently for each task of each process.
    fn random(&self, task: u64) -> StdRng {
        let setup = &self.shared.setup;
        let of = [setup.life.node.into(), setup.life.run.into(), self.node.into(), task];
        StdRng::seed_from_u64(self.shared.key().sum("random", &of, &[]))
    }
}
