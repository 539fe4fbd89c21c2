//! [`Clients`]: they read and write a few keys at once, and record what they see.

use std::sync::Arc;
use std::time::Duration;

use grid_kv::client::{Client, ClientError, Written};
use grid_kv::model::Expect;
use grid_kv::service::Consistency;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::bug::Bug;
use super::group::Group;
use super::random::Random;
use crate::history::{Begun, Op, Outcome, Recorder, Value};
use crate::reply::Reply;

/// Few, so that clients meet at them.
pub(super) const KEYS: [&str; 3] = ["a", "b", "c"];

/// Share of the clients that do not write: a write at a leader that was deposed fails, and leads its client to the next one, so only these
/// would notice that it still answers reads.
const READERS: f64 = 0.25;

/// The time of an operation: some outlast an election, and some do not.
const TIMEOUT_MS: std::ops::Range<u64> = 500..6000;

/// Clients that run.
pub(super) struct Clients {
    names: Vec<String>,
    tasks: Vec<JoinHandle<Vec<String>>>,
    stop: watch::Sender<bool>,
}

impl Clients {
    /// Starts some clients.
    pub(super) fn start(
        seed: u64,
        group: &Group,
        recorder: &Arc<Recorder>,
        bug: Option<Bug>,
    ) -> Self {
        let mut random = Random::new(seed, "clients");
        let (stop, stopped) = watch::channel(false);
        let names: Vec<_> = (0..random.range(3..7)).map(|id| format!("client{id}")).collect();
        let start = |(id, name): (usize, &String)| {
            let mut random = Random::new(seed, name);
            let client = One {
                id,
                client: group.client(name),
                reads_only: random.chance(READERS),
                random,
                recorder: Arc::clone(recorder),
                began: Instant::now(),
                bug,
                last: [None; KEYS.len()],
            };
            tokio::spawn(client.run(stopped.clone()))
        };
        let tasks = names.iter().enumerate().map(start).collect();
        Self { names, tasks, stop }
    }

    /// The names that they dial from.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Lets them finish. Returns what no client should be told.
    pub(super) async fn stop(self) -> Vec<String> {
        self.stop.send_replace(true);
        let mut wrong = Vec::new();
        for task in self.tasks {
            match task.await {
                Ok(errors) => wrong.extend(errors),
                Err(error) => wrong.push(format!("a client has failed: {error}")),
            }
        }
        wrong
    }
}

/// A client.
struct One {
    id: usize,
    client: Client,
    reads_only: bool,
    random: Random,
    recorder: Arc<Recorder>,
    began: Instant,
    bug: Option<Bug>,
    /// What it has seen last of each key, for swaps.
    last: [Option<Value>; KEYS.len()],
}

impl One {
    async fn run(mut self, stopped: watch::Receiver<bool>) -> Vec<String> {
        let mut unexpected = Vec::new();
        while !*stopped.borrow() {
            let at = self.random.range(0..KEYS.len() as u64) as usize;
            let op = self.op(at);
            unexpected.extend(self.call(at, op).await);
            // Often at once, so that operations overlap.
            if self.random.chance(0.6) {
                sleep(self.random.millis(1..700)).await;
            }
        }
        unexpected
    }

    fn op(&mut self, at: usize) -> Op {
        if self.reads_only {
            return Op::Get;
        }
        match self.random.weighted(&[(40, 0), (28, 1), (24, 2), (8, 3)]) {
            0 => Op::Get,
            1 => Op::Put(self.recorder.value()),
            2 => Op::Swap { expect: self.last[at], value: self.recorder.value() },
            _ => Op::Delete,
        }
    }

    /// Runs an operation, and records it. Returns an error that should not be.
    async fn call(&mut self, at: usize, op: Op) -> Option<String> {
        let client = self.client.clone().with_timeout(self.random.millis(TIMEOUT_MS));
        let consistency = self.consistency();
        // A client that leaves does not hear what became of its operation.
        let patience = match self.random.chance(0.04) {
            true => self.random.millis(0..300),
            false => Duration::MAX,
        };
        let begun = self.recorder.begin(self.id, KEYS[at], op, self.began.elapsed());
        let running = perform(&client, KEYS[at], op, consistency);
        let done = match self.bug {
            Some(Bug::EarlyAcknowledgement) if op != Op::Get => early(running, op).await,
            _ => timeout(patience, running).await.unwrap_or(Reply::Unknown),
        };
        if let (Some(Bug::AppliedTwice), Op::Put(value), Reply::Known(..)) = (self.bug, op, &done) {
            self.repeat_later(KEYS[at], value);
        }
        self.record(at, begun, done)
    }

    fn record(&mut self, at: usize, begun: Begun, done: Reply) -> Option<String> {
        match done {
            Reply::Known(outcome, revision) => {
                if let Outcome::Read(value) | Outcome::Conflict(value) = outcome {
                    self.last[at] = value;
                }
                self.recorder.end(begun, outcome, revision, self.began.elapsed());
                None
            }
            Reply::Unknown => None,
            Reply::WithoutEffect => {
                self.recorder.without_effect(begun);
                None
            }
            Reply::Wrong(text) => Some(text),
        }
    }

    /// Leases are as good as asking a majority, because all clocks are the same here.
    fn consistency(&mut self) -> Consistency {
        match self.bug {
            Some(Bug::UnconfirmedReads) => Consistency::Stale,
            _ if self.random.chance(0.3) => Consistency::Lease,
            _ => Consistency::Linearizable,
        }
    }

    fn repeat_later(&mut self, key: &'static str, value: Value) {
        let (client, pause) = (self.client.clone(), self.random.millis(0..100));
        tokio::spawn(async move {
            sleep(pause).await;
            let _ = client.put(key, value.to_string()).await;
        });
    }
}

/// Reads a key, and records it. It must not fail.
pub(super) async fn read(
    client: &Client,
    key: &str,
    recorder: &Recorder,
    id: usize,
) -> Result<(), String> {
    let began = Instant::now();
    let begun = recorder.begin(id, key, Op::Get, Duration::ZERO);
    match perform(client, key, Op::Get, Consistency::Linearizable).await {
        Reply::Known(outcome, revision) => {
            recorder.end(begun, outcome, revision, began.elapsed());
            Ok(())
        }
        Reply::Wrong(text) => Err(text),
        Reply::Unknown | Reply::WithoutEffect => {
            Err(format!("{key} cannot be read within {:?}", began.elapsed()))
        }
    }
}

/// Acknowledges a write soon, whatever has become of it.
async fn early(running: impl Future<Output = Reply>, op: Op) -> Reply {
    let acknowledged = match op {
        Op::Delete => Reply::Unknown,
        _ => Reply::Known(Outcome::Written, None),
    };
    timeout(Duration::from_millis(20), running).await.unwrap_or(acknowledged)
}

async fn perform(client: &Client, key: &str, op: Op, consistency: Consistency) -> Reply {
    let write = |written: Result<Written, ClientError>, outcome| match written {
        Ok(written) => Reply::Known(outcome, Some(written.revision)),
        Err(error) => Reply::failed(error),
    };
    match op {
        Op::Get => match client.get(key, consistency).await {
            Ok(item) => Reply::found(item, Outcome::Read),
            Err(error) => Reply::failed(error),
        },
        Op::Put(value) => write(client.put(key, value.to_string()).await, Outcome::Written),
        Op::Swap { expect, value } => {
            let expect = expect.map_or(Expect::Absent, |v| Expect::Value(v.to_string().into()));
            let value = Some(value.to_string().into());
            write(client.compare_and_swap(key, expect, value).await, Outcome::Written)
        }
        Op::Delete => match client.delete(key).await {
            Ok(Written { changed: 0, .. }) => {
                Reply::Known(Outcome::Deleted { existed: false }, None)
            }
            written => write(written, Outcome::Deleted { existed: true }),
        },
    }
}
