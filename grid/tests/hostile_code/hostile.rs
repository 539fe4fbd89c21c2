//! [`Hostile`]: code of the user's that panics, blocks its thread, calls back into its own connection, or ends its node.
//! The rows of the matrix (`rows/`) put it wherever the library runs such code.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};

use grid::{Capacities, Manager};
use tokio::sync::Notify;

use crate::gate::Gate;
use crate::neighbours::{ECHO, Links};
use crate::support::Network;

/// What the code does. The columns of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Panics,
    Blocks,
    CallsBack,
    EndsNode,
}

/// Calls back at most this often: what it calls can run the same code again.
const CALLS_BACK_MAX: usize = 16;

/// The text of the panics.
pub(crate) const BUG: &str = "a bug of the user";

/// See the module. Does nothing until it is armed.
#[derive(Clone)]
pub(crate) struct Hostile(Arc<Inner>);

struct Inner {
    act: Act,
    is_armed: AtomicBool,
    /// It is to run once.
    is_for_once: AtomicBool,
    runs: AtomicUsize,
    returns: AtomicUsize,
    returned: Notify,
    gate: Arc<Gate>,
    network: Network,
    links: OnceLock<Links>,
    /// The nodes, until they are to end.
    nodes: Mutex<Vec<Manager>>,
    /// Why a check of what it calls back has failed.
    failed: Mutex<Option<String>>,
    /// What the nodes have logged.
    logged: Mutex<Vec<String>>,
}

thread_local! {
    /// The code runs on this thread: it does not call itself.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Counts a run that returns or panics.
struct Returns<'a>(&'a Inner);

impl Drop for Returns<'_> {
    fn drop(&mut self) {
        self.0.returns.fetch_add(1, Ordering::Relaxed);
        self.0.returned.notify_waiters();
    }
}

impl Hostile {
    pub(crate) fn new(act: Act) -> Self {
        Self(Arc::new(Inner {
            act,
            is_armed: AtomicBool::new(false),
            is_for_once: AtomicBool::new(false),
            runs: AtomicUsize::new(0),
            returns: AtomicUsize::new(0),
            returned: Notify::new(),
            gate: Arc::default(),
            network: Network::default(),
            links: OnceLock::new(),
            nodes: Mutex::default(),
            failed: Mutex::default(),
            logged: Mutex::default(),
        }))
    }

    /// Says which nodes the code calls back into, and ends.
    pub(crate) fn know(&self, links: Links, nodes: Vec<Manager>) {
        assert!(self.0.links.set(links).is_ok(), "known already");
        *self.0.nodes.lock().unwrap() = nodes;
    }

    pub(crate) fn arm(&self) {
        self.0.is_armed.store(true, Ordering::Relaxed);
    }

    /// Arms it for the first place that runs it. Two that block would hold both workers.
    pub(crate) fn arm_once(&self) {
        self.0.is_for_once.store(true, Ordering::Relaxed);
        self.arm();
    }

    pub(crate) fn disarm(&self) {
        self.0.is_armed.store(false, Ordering::Relaxed);
    }

    pub(crate) fn panics(&self) -> bool {
        self.0.act == Act::Panics
    }

    pub(crate) fn blocks(&self) -> bool {
        self.0.act == Act::Blocks
    }

    pub(crate) fn ends_node(&self) -> bool {
        self.0.act == Act::EndsNode
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.0.is_armed.load(Ordering::Relaxed)
    }

    /// How often the code has run.
    pub(crate) fn runs(&self) -> usize {
        self.0.runs.load(Ordering::Relaxed)
    }

    /// Why a check of what it calls back has failed.
    pub(crate) fn failed(&self) -> Option<String> {
        self.0.failed.lock().unwrap().clone()
    }

    /// Keeps a value of a line of the log.
    pub(crate) fn note_logged(&self, value: String) {
        self.0.logged.lock().unwrap().push(value);
    }

    /// Whether a value of a line contains this text.
    pub(crate) fn has_logged(&self, text: &str) -> bool {
        self.0.logged.lock().unwrap().iter().any(|value| value.contains(text))
    }

    /// The network of the nodes.
    pub(crate) fn network(&self) -> &Network {
        &self.0.network
    }

    /// The node of this name. It must be dropped before the code runs that ends the nodes.
    pub(crate) fn node(&self, name: &str) -> Manager {
        let nodes = self.0.nodes.lock().unwrap();
        nodes.iter().find(|node| node.name() == name).unwrap().clone()
    }

    /// Waits until the code has run, or blocks.
    pub(crate) async fn has_run(&self) {
        match self.blocks() {
            // Told by another thread. A thread that wakes a task and blocks would hold up that task, and let the one go that
            // the library has woken just before.
            true => self.0.gate.reached(1).await,
            false => self.has_returned(1).await,
        }
    }

    /// Waits until the code has run this often, and does not block any more.
    pub(crate) async fn has_returned(&self, times: usize) {
        loop {
            let returned = self.0.returned.notified();
            if self.0.returns.load(Ordering::Relaxed) >= times {
                return;
            }
            returned.await;
        }
    }

    /// Holds the threads that it blocks.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.0.gate
    }

    /// Whether the code is to run now.
    fn takes_turn(&self) -> bool {
        match self.0.is_for_once.load(Ordering::Relaxed) {
            true => self.0.is_armed.swap(false, Ordering::Relaxed),
            false => self.is_armed(),
        }
    }

    /// The code. Its panic is quiet, so that the output of a failed test can be read.
    pub(crate) fn run(&self) {
        if IS_INSIDE.get() || !self.takes_turn() {
            return;
        }
        let before = self.0.runs.fetch_add(1, Ordering::Relaxed);
        let _returns = Returns(&self.0);
        match self.0.act {
            // A second panic while the first one unwinds would abort the process, whatever the library does.
            Act::Panics if std::thread::panicking() => {}
            Act::Panics => resume_unwind(Box::new(BUG)),
            Act::Blocks => self.0.gate.pass(),
            Act::CallsBack if before < CALLS_BACK_MAX => {
                IS_INSIDE.set(true);
                // The library catches the panics of most code, and would hide the check that has failed.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.call_back())) {
                    let whole = panic.downcast_ref::<String>().cloned();
                    let text =
                        whole.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                    *self.0.failed.lock().unwrap() = Some(text.unwrap_or_default());
                }
                IS_INSIDE.set(false);
            }
            Act::CallsBack => {}
            Act::EndsNode => {
                let nodes = std::mem::take(&mut *self.0.nodes.lock().unwrap());
                drop(nodes);
            }
        }
    }

    /// Uses each connection in every way that needs its lock: looks at it, starts calls and streams, drops them, and posts.
    fn call_back(&self) {
        let nodes = self.0.nodes.lock().unwrap().clone();
        for node in &nodes {
            drop((node.stats(), node.members().list(), node.members().events(), node.warnings()));
        }
        let Some(links) = self.0.links.get() else { return };
        let cx = &mut Context::from_waker(Waker::noop());
        for connection in links.all() {
            drop((connection.state(), connection.stats(), connection.states()));
            let mut call = pin!(connection.clone().request(ECHO, Some("again".into())));
            assert!(call.as_mut().poll(cx).is_pending());
            let two_way = Capacities { incoming: 1, outgoing: 1 };
            let mut opening = pin!(connection.stream(ECHO, two_way, None));
            assert!(opening.as_mut().poll(cx).is_pending());
            let _ = connection.request(ECHO, None).post();
        }
    }
}

/// Runs the code when it is dropped.
pub(crate) struct OnDrop(pub(crate) Hostile);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.run();
    }
}
