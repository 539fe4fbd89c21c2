//! Models of the driver: it goes to sleep, is cut, or loses its link, while others call over that link. See `sync`.
//!
//! Everything but the transport and the scheduler is the code that runs: the link, its lock, the wake protocol, the slot and
//! the watchdog. The calls go from a node to itself, over [`Echo`].

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::core::Core;
use super::endpoint::Endpoint;
use super::session::{start_loopback, stop};
use super::slot::{Ended, Slot};
use super::spawn::drive;
use super::watchdog::{Watchdog, Watched, tick};
use crate::error::{CallError, LinkError};
use crate::net::serve::registry::{RawHandler, Registry, RunSingle};
use crate::net::serve::workers::Workers;
use crate::net::transport::{Echo, Transport};
use crate::proto::{Limits, Outbound};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::model::{check, spawn, wait};

/// The link of a node to itself, which is up. Its only handler runs `act`, and returns the payload at once.
fn endpoint(act: impl Fn() + Send + Sync + 'static) -> Endpoint {
    let run: Arc<RunSingle> = Arc::new(move |_, payload| {
        act();
        Box::pin(async move { Ok(payload.map(Into::into)) })
    });
    let mut registry = Registry::new();
    let handler = RawHandler::Single { run, inline: true };
    registry.insert("echo".into(), 9.into(), None, handler).expect("the only one");
    let endpoint = Endpoint::new("a".into(), "a".into(), Limits::default(), registry.into());
    start_loopback(&endpoint.peer);
    // Those of the runtime are one: it has no threads in a model.
    Endpoint { workers: Arc::new(Workers::new(2)), ..endpoint }
}

/// A connection whose drivers are threads.
struct Driven<T: Transport + 'static> {
    endpoint: Endpoint,
    slot: Arc<Slot<T>>,
    ended: oneshot::Receiver<Ended<T>>,
}

impl<T: Transport + 'static> Driven<T> {
    fn start(endpoint: &Endpoint, transport: T, watchdog: Option<&Arc<Watchdog>>) -> Self {
        let start =
            |slot, core, generation| drop(spawn(move || wait(drive(slot, core, generation))));
        let (slot, ended) = Slot::new(endpoint, watchdog.map(Arc::clone), Box::new(start));
        start(Arc::clone(&slot), Box::new(Core::new(endpoint.clone(), Some(transport))), 0);
        Self { endpoint: endpoint.clone(), slot, ended }
    }

    /// Ends the connection, as session.rs does. What is in flight fails.
    fn end(self) {
        let transport = self.slot.cut();
        if transport.is_none() {
            let ended = wait(self.ended).expect("the driver says how it has ended");
            assert!(matches!(ended.reason, LinkError::ShutDown), "{:?}", ended.reason);
            assert!(ended.transport.is_some(), "it ends by itself, and only once");
        }
        stop(&self.endpoint.peer, &Arc::new(LinkError::ShutDown));
    }
}

/// Calls the handler and waits for its answer.
fn call(endpoint: &Endpoint) -> Result<Option<Bytes>, CallError> {
    wait(endpoint.connection().request(9, Some("x".into())))
}

/// Checks a link whose driver is a thread and whose handler only answers.
fn check_link(run: impl Fn(Driven<Echo>) + Copy + Send + Sync + 'static) {
    check(move || {
        drop(spawn(move || run(Driven::start(&endpoint(|| {}), Echo::default(), None))));
    });
}

#[test]
fn a_call_wakes_the_driver_and_its_answer_wakes_the_caller() {
    check_link(|driven| {
        let answer = call(&driven.endpoint).expect("the link is up");
        assert_eq!(answer.as_deref(), Some(&b"x"[..]));
        driven.end();
    });
}

#[test]
fn each_of_two_callers_gets_its_answer() {
    check_link(|driven| {
        let other = driven.endpoint.clone();
        let other = spawn(move || call(&other).is_ok());
        assert!(call(&driven.endpoint).is_ok());
        assert!(other.join().unwrap());
        driven.end();
    });
}

#[test]
fn a_call_ends_when_its_driver_does() {
    check_link(|driven| {
        let endpoint = driven.endpoint.clone();
        let caller = spawn(move || match call(&endpoint) {
            Ok(answer) => assert_eq!(answer.as_deref(), Some(&b"x"[..])),
            Err(CallError::Disconnected { .. }) => {}
            Err(error) => panic!("{error:?}"),
        });
        let peer = Arc::clone(&driven.endpoint.peer);
        driven.end();
        caller.join().unwrap();
        assert_eq!(peer.link(|link| link.in_flight()), (0, 0));
    });
}

/// It is polled in one task, and then in another one, as futures are that `select!` and `spawn` get.
#[test]
fn a_call_that_moves_to_another_task_wakes_that_one() {
    check_link(|driven| {
        let mut call = driven.endpoint.connection().request(9, Some("x".into()));
        let answer = match wait(poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx)))) {
            Poll::Ready(answer) => answer,
            Poll::Pending => wait(call),
        };
        assert!(answer.is_ok());
        driven.end();
    });
}

/// The call is polled once and dropped. That its waker is dropped as well is checked by loom.
#[test]
fn a_call_that_is_dropped_leaves_nothing() {
    check_link(|driven| {
        let peer = Arc::clone(&driven.endpoint.peer);
        let mut call = driven.endpoint.connection().request(9, Some("x".into()));
        wait(poll_fn(|cx| {
            let _ = Pin::new(&mut call).poll(cx);
            Poll::Ready(())
        }));
        drop(call);
        driven.end();
        assert_eq!(peer.link(|link| link.in_flight()), (0, 0));
    });
}

/// A socket that is full until it is opened.
struct Gated {
    echo: Echo,
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    is_open: bool,
    waker: Option<Waker>,
}

impl Transport for Gated {
    fn has_room(&self) -> bool {
        self.gate.lock().unwrap().is_open && self.echo.has_room()
    }

    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError> {
        self.echo.start_send(message)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let mut gate = self.gate.lock().unwrap();
        if gate.is_open {
            return self.echo.poll_flush(cx);
        }
        gate.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn is_flushed(&self) -> bool {
        self.echo.is_flushed()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        self.echo.poll_recv(cx)
    }

    fn close(&mut self, _: &LinkError, _: &mut Context<'_>) {}
}

/// Callers do not wake a driver whose socket is full, because the socket will.
#[test]
fn a_call_is_sent_when_the_socket_has_room_again() {
    check(|| {
        drop(spawn(|| {
            let endpoint = endpoint(|| {});
            let gate = Arc::new(Mutex::new(Gate::default()));
            let transport = Gated { echo: Echo::default(), gate: Arc::clone(&gate) };
            let driven = Driven::start(&endpoint, transport, None);
            let socket = spawn(move || {
                let mut gate = gate.lock().unwrap();
                gate.is_open = true;
                let waker = gate.waker.take();
                drop(gate);
                waker.map(Waker::wake);
            });
            assert!(call(&endpoint).is_ok());
            socket.join().unwrap();
            driven.end();
        }));
    });
}

/// The watchdog may take the link away from its driver while the handler runs, and so may the end of the connection.
#[test]
fn a_call_is_answered_once_whoever_has_the_link() {
    check(|| {
        let watchdog = Arc::new(Watchdog::default());
        let of_link = Arc::clone(&watchdog);
        let calling = spawn(move || {
            let runs = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&runs);
            let endpoint = endpoint(move || {
                counted.fetch_add(1, Relaxed);
            });
            let driven = Driven::start(&endpoint, Echo::default(), Some(&of_link));
            assert!(call(&endpoint).is_ok());
            driven.end();
            assert_eq!(runs.load(Relaxed), 1);
            assert_eq!(endpoint.peer.link(|link| link.in_flight()), (0, 0));
        });
        let mut links = Vec::new();
        watchdog.admit(&mut links);
        tick(&mut links);
        tick(&mut links);
        calling.join().unwrap();
    });
}

/// Runs a piece of user code. Notes which driver has got the core back.
fn run_piece(slot: &Arc<Slot<Echo>>, core: Box<Core<Echo>>, generation: u64, owners: &Owners) {
    let permit = slot.enter().expect("there are workers for all");
    let code = AtomicUsize::new(0);
    if let Ok(core) = slot.run(core, generation, &permit, || _ = code.fetch_add(1, Relaxed)) {
        owners.lock().unwrap().push(generation);
        drop(core);
    }
}

type Owners = Mutex<Vec<u64>>;

/// The driver and the watchdog want what is in the slot, and the driver that takes over runs user code as well.
#[test]
fn the_core_belongs_to_the_last_driver() {
    check(|| {
        drop(spawn(|| {
            let endpoint = endpoint(|| {});
            let endpoint = Endpoint { workers: Arc::new(Workers::new(4)), ..endpoint };
            let owners = Arc::new(Owners::default());
            let takes = Arc::new(AtomicUsize::new(0));
            let (of_next, counted) = (Arc::clone(&owners), Arc::clone(&takes));
            let start = move |slot, core, generation| {
                counted.fetch_add(1, Relaxed);
                let owners = Arc::clone(&of_next);
                drop(spawn(move || run_piece(&slot, core, generation, &owners)));
            };
            let watchdog = Arc::new(Watchdog::default());
            let (slot, _ended) = Slot::new(&endpoint, Some(Arc::clone(&watchdog)), Box::new(start));
            let core = Box::new(Core::new(endpoint.clone(), Some(Echo::default())));
            let of_first = Arc::clone(&owners);
            // Not the last handle: loom does not know that the watchdog can find a link gone.
            let lender = Arc::clone(&slot);
            let first = spawn(move || run_piece(&lender, core, 0, &of_first));
            let mut links = Vec::new();
            watchdog.admit(&mut links);
            // Enough for one driver to lose the link, and not for two.
            tick(&mut links);
            tick(&mut links);
            first.join().unwrap();
            let takes = takes.load(Relaxed) as u64;
            assert!(owners.lock().unwrap().iter().all(|owner| *owner == takes));
        }));
    });
}

/// The driver, the watchdog and the end of the connection want what is in the slot.
#[test]
fn the_core_leaves_the_slot_once() {
    check(|| {
        drop(spawn(|| {
            let endpoint = endpoint(|| {});
            let owners = Arc::new(Owners::default());
            let of_next = Arc::clone(&owners);
            let start = move |_, core: Box<Core<Echo>>, generation| {
                of_next.lock().unwrap().push(generation);
                drop(core);
            };
            let watchdog = Arc::new(Watchdog::default());
            let (slot, _ended) = Slot::new(&endpoint, Some(watchdog), Box::new(start));
            let core = Box::new(Core::new(endpoint.clone(), Some(Echo::default())));
            let (lender, of_first) = (Arc::clone(&slot), Arc::clone(&owners));
            let driver = spawn(move || run_piece(&lender, core, 0, &of_first));
            let watched = Arc::clone(&slot);
            let watching = spawn(move || {
                for _ in 0..3 {
                    Arc::clone(&watched).tick();
                }
            });
            slot.cut();
            driver.join().unwrap();
            watching.join().unwrap();
            assert_eq!(owners.lock().unwrap().len(), 1);
            let workers = &endpoint.workers;
            assert!(workers.enter().is_some_and(|permit| !permit.is_last()), "nobody is busy");
        }));
    });
}

/// A link arrives while the watchdog has none and goes to sleep.
#[test]
fn the_watchdog_sees_a_link() {
    struct Link;

    impl Watched for Link {
        fn tick(self: Arc<Self>) -> bool {
            true
        }
    }

    check(|| {
        let watchdog = Arc::new(Watchdog::default());
        let link: Arc<dyn Watched> = Arc::new(Link);
        let (arrives, to) = (Arc::clone(&link), Arc::clone(&watchdog));
        let arriving = spawn(move || to.watch(&arrives));
        let mut seen = Vec::new();
        watchdog.admit(&mut seen);
        arriving.join().unwrap();
        tick(&mut seen);
        assert_eq!(seen.len(), 1);
        drop(link);
        tick(&mut seen);
        assert!(seen.is_empty(), "a link that is gone is forgotten");
    });
}
