//! Handlers that block their thread, with `#[handler(blocking)]`: they delay no other call, even on a runtime with one
//! thread, and a limited number of them runs at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use grid::{CallError, Config, Manager};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::task::yield_now;

use crate::support::{A, B, Network, pair};

#[grid::service]
trait Disk {
    /// Returns when the test releases it.
    #[handler(blocking)]
    fn sync(&self);
    #[handler(blocking)]
    fn store(&self, value: Slow) -> Slow;
    async fn size(&self) -> u64;
}

/// Counts the calls of `sync` that have started, and holds them until the test releases them.
#[derive(Clone)]
struct Held {
    started: Arc<AtomicUsize>,
    released: Arc<Mutex<Receiver<()>>>,
}

impl Held {
    fn new() -> (Sender<()>, Self) {
        let (release, released) = channel();
        (release, Self { started: Arc::default(), released: Arc::new(Mutex::new(released)) })
    }

    async fn started(&self, count: usize) {
        while self.started.load(Ordering::Relaxed) < count {
            yield_now().await;
        }
    }
}

impl Disk for Held {
    fn sync(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
        let _ = self.released.lock().unwrap().recv();
    }

    fn store(&self, value: Slow) -> Slow {
        value
    }

    async fn size(&self) -> u64 {
        7
    }
}

/// A node that serves a [`Held`], from another node and from itself.
async fn clients(held: &Held, config: Config) -> (Network, [Manager; 2], [DiskClient; 2]) {
    let (network, a, b) =
        pair(|builder| builder.service(DiskServer::new(held.clone())).config(config.clone())).await;
    let remote = DiskClient::new(a.connection(B).unwrap());
    let loopback = DiskClient::new(a.connection(A).unwrap());
    (network, [a, b], [remote, loopback])
}

#[tokio::test(start_paused = true)]
async fn a_blocking_handler_delays_no_other_call() {
    let (release, held) = Held::new();
    let (_network, _nodes, clients) = clients(&held, Config::default()).await;
    for (before, disk) in clients.into_iter().enumerate() {
        let blocked = tokio::spawn(disk.sync());
        held.started(before + 1).await;
        assert_eq!(disk.size().await, Ok(7));
        assert!(!blocked.is_finished());
        release.send(()).unwrap();
        assert_eq!(blocked.await.unwrap(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_before_it_has_a_thread_does_not_run() {
    let (release, held) = Held::new();
    let (_network, _nodes, [disk, _]) =
        clients(&held, Config::default().blocking_calls_max(1)).await;
    let first = tokio::spawn(disk.sync());
    held.started(1).await;
    let waiting = tokio::spawn(disk.sync());
    let cancelled = tokio::spawn(disk.sync());
    let late = tokio::spawn(disk.sync().timeout(Duration::from_secs(1)));
    // Messages of one link arrive in the order in which they were sent: with this answer the callee has all four calls.
    assert_eq!(disk.size().await, Ok(7));
    cancelled.abort();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(matches!(late.await.unwrap(), Err(CallError::DeadlineExceeded { .. })));
    assert_eq!(disk.size().await, Ok(7));
    assert_eq!(held.started.load(Ordering::Relaxed), 1, "one at once");
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(held.started.load(Ordering::Relaxed), 2, "neither the cancelled nor the late one");
}

/// A value whose code waits for a token, unless it runs on the thread of the test.
#[derive(Debug)]
struct Slow;

/// The thread of the test and the tokens.
static GATE: Mutex<Option<(ThreadId, Receiver<()>)>> = Mutex::new(None);
static PASSED: AtomicUsize = AtomicUsize::new(0);

fn pass_gate() {
    let gate = GATE.lock().unwrap();
    let (thread, tokens) = gate.as_ref().unwrap();
    if *thread != std::thread::current().id() {
        tokens.recv().unwrap();
        PASSED.fetch_add(1, Ordering::Relaxed);
    }
}

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        pass_gate();
        to.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        pass_gate();
        u8::deserialize(from).map(|_| Self)
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_and_answers_are_decoded_and_encoded_on_the_thread_of_the_handler() {
    let (_release, held) = Held::new();
    let (_network, _nodes, [disk, _]) = clients(&held, Config::default()).await;
    let (tokens, gate) = channel();
    *GATE.lock().unwrap() = Some((std::thread::current().id(), gate));
    let call = tokio::spawn(disk.store(Slow));
    for passed in 0..2 {
        assert_eq!(disk.size().await, Ok(7), "while the code of the value blocks");
        assert_eq!(PASSED.load(Ordering::Relaxed), passed);
        tokens.send(()).unwrap();
        while PASSED.load(Ordering::Relaxed) == passed {
            yield_now().await;
        }
    }
    call.await.unwrap().unwrap();
}
