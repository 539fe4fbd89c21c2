//! [`Clients`]: tasks that write at the leader, each of them the next entry when the last one is applied.
//!
//! They call the raft itself, so that what is measured is the network between the nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use grid_kv::model::{Command, Op, Outcome, Types, Write};
use openraft::Raft;
use openraft::storage::RaftStateMachine;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::Result;
use crate::usage;

/// Number of keys that are written, again and again.
const KEYS: u64 = 1000;

#[derive(Default)]
struct Phase {
    is_measuring: AtomicBool,
    is_over: AtomicBool,
}

/// Tasks that write.
pub(crate) struct Clients {
    phase: Arc<Phase>,
    tasks: Vec<JoinHandle<Result<Vec<u32>>>>,
    runtime: Handle,
}

/// What was done in a measured time.
pub(crate) struct Window {
    pub(crate) time: Duration,
    pub(crate) cpu_seconds: f64,
    /// What each write took, in microseconds.
    pub(crate) micros: Vec<u32>,
}

impl Clients {
    /// Starts this many in the runtime of the leader.
    pub(crate) fn start<SM>(
        runtime: &Handle,
        raft: &Raft<Types, SM>,
        count: usize,
        value_bytes: usize,
    ) -> Self
    where
        SM: RaftStateMachine<Types>,
    {
        let (phase, value) = (Arc::<Phase>::default(), Bytes::from(vec![b'x'; value_bytes]));
        let client = |number: usize| {
            let (phase, raft, value) = (Arc::clone(&phase), raft.clone(), value.clone());
            runtime.spawn(async move { client(raft, number as u64, value, &phase).await })
        };
        let tasks = (0..count).map(client).collect();
        Self { phase, tasks, runtime: runtime.clone() }
    }

    /// Lets them write for a while, then measures until `end` returns, and stops them.
    pub(crate) fn measure(
        self,
        warm_up: Duration,
        during: impl FnOnce() -> Result<()>,
    ) -> Result<Window> {
        sleep(warm_up);
        let (began, cpu) = (Instant::now(), usage::cpu_seconds());
        self.phase.is_measuring.store(true, Ordering::Relaxed);
        let done = during();
        self.phase.is_measuring.store(false, Ordering::Relaxed);
        let (time, cpu_seconds) = (began.elapsed(), usage::cpu_seconds() - cpu);
        self.phase.is_over.store(true, Ordering::Relaxed);
        let mut micros = Vec::new();
        for task in self.tasks {
            micros.extend(self.runtime.block_on(task)??);
        }
        done?;
        Ok(Window { time, cpu_seconds, micros })
    }
}

impl Window {
    pub(crate) fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.time.as_secs_f64()
    }
}

async fn client<SM: RaftStateMachine<Types>>(
    raft: Raft<Types, SM>,
    number: u64,
    value: Bytes,
    phase: &Phase,
) -> Result<Vec<u32>> {
    let opened = raft.client_write(Command::Open).await?;
    let Outcome::Opened { session } = *opened.response() else { return Err("no session".into()) };
    let mut micros = Vec::new();
    for sequence in 1.. {
        let key = format!("bench/{}", (number * 31 + sequence) % KEYS);
        let ops = vec![Op::Put { key, value: value.clone() }];
        let began = Instant::now();
        let written = raft.client_write(Command::Write(Write { session, sequence, ops })).await?;
        let Outcome::Applied { .. } = written.response() else {
            return Err(format!("not applied: {}", written.response()).into());
        };
        if phase.is_measuring.load(Ordering::Relaxed) {
            micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        if phase.is_over.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(micros)
}
