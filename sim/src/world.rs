//! [`World`]: the grid of a run, what its nodes do, and the steps of the plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::testing::{Network, Skew, TestGrid};
use grid::{Builder, Connection, Guest, GuestError, Guests, Manager, SharedSecret};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::call_spec::CallGenerator;
use crate::calls::Caller;
use crate::faults::Faults;
use crate::handlers::Worker;
use crate::ledger::Ledger;
use crate::plan::{Plan, Step};
use crate::random::Random;
use crate::service::{SUBROUTE, WorkServer};
use crate::trace::Trace;

/// How long a node that leaves the list may finish its calls.
const LEAVE_GRACE: Duration = Duration::from_secs(5);

/// Guests that a node takes.
pub(crate) const GUESTS_MAX: usize = 4;

/// Assertions wait this long: a name that another process had is tried again with growing pauses, up to a minute.
const NAME_TIME: Duration = Duration::from_secs(130);

/// See the module.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) grid: TestGrid,
    pub(crate) ledger: Ledger,
    pub(crate) trace: Trace,
    /// What each node calls with.
    pub(crate) callers: Vec<Caller>,
    shared: Shared,
    state: Mutex<State>,
}

/// What nodes are built from.
#[derive(Clone)]
struct Shared {
    /// The host list, as indices.
    listed: Arc<Mutex<BTreeSet<usize>>>,
    names: Arc<[String]>,
}

#[derive(Default)]
struct State {
    /// Ends the calls that each running node makes.
    loads: BTreeMap<usize, Stop>,
    impostors: BTreeMap<usize, Manager>,
    guests: BTreeMap<usize, Vec<(Guest, Stop)>>,
    /// Steps that take time.
    steps: JoinSet<()>,
}

/// Tells those who make calls that they stop. All clones are one.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    fn set(&self) {
        self.0.0.store(true, Ordering::Relaxed);
        self.0.1.notify_waiters();
    }

    /// Waits until it is set, for this time at most. Returns whether it is.
    async fn within(&self, time: Duration) -> bool {
        let set = self.0.1.notified();
        self.0.0.load(Ordering::Relaxed) || timeout(time, set).await.is_ok()
    }
}

impl World {
    /// Starts the nodes of a plan.
    pub(crate) fn new(plan: Plan, trace: Trace) -> Arc<Self> {
        let ledger = Ledger::new(trace.clone(), plan.has_limits());
        let names: Arc<[String]> =
            (1..=plan.nodes).map(|number| format!("http://node{number}:9000")).collect();
        let base: BTreeSet<String> = plan.base.iter().map(|node| names[*node].clone()).collect();
        let callers: Vec<Caller> = (0..plan.nodes)
            .map(|node| {
                let random = Random::new(plan.seed, &names[node]);
                let is_base = plan.base.contains(&node);
                let generator = CallGenerator {
                    random,
                    is_base,
                    base: base.clone(),
                    bytes_max: plan.bytes_max,
                    large_ratio: plan.large_ratio,
                };
                Caller { ledger: ledger.clone(), generator: Arc::new(Mutex::new(generator)) }
            })
            .collect();
        let listed = Arc::new(Mutex::new((0..plan.nodes).collect()));
        let shared = Shared { listed, names: Arc::clone(&names) };
        let (of_nodes, workers) = (shared.clone(), callers.clone());
        let (config, base, has_secret) = (plan.config.clone(), plan.base.clone(), plan.has_secret);
        let configure = move |node: usize, builder: Builder| {
            let builder = with_service(builder, &workers[node], has_secret)
                .config(config.clone())
                .hosts(of_nodes.hosts())
                .guests(Guests::up_to(GUESTS_MAX));
            if base.contains(&node) { builder.extensions([""; 0]) } else { builder }
        };
        let grid = TestGrid::named(names.iter().cloned())
            .configure(configure)
            .assertion_timeout(NAME_TIME)
            .seed(plan.seed)
            .start();
        let world = Self { plan, grid, ledger, trace, callers, shared, state: Mutex::default() };
        let world = Arc::new(world);
        (0..world.plan.nodes).for_each(|node| world.load(node));
        world
    }

    /// Runs all steps of the plan.
    pub(crate) async fn run_steps(self: &Arc<Self>) {
        let start = tokio::time::Instant::now();
        for (at, step) in &self.plan.steps {
            tokio::time::sleep_until(start + *at).await;
            self.trace.add(format_args!("{step:?}"));
            self.apply(*step);
        }
        tokio::time::sleep_until(start + self.plan.time).await;
    }

    fn apply(self: &Arc<Self>, step: Step) {
        let grid = &self.grid;
        self.ledger.note_fault(|faults| self.note(step, faults));
        let network = grid.network();
        let name = |end| self.name_of_end(end);
        match step {
            Step::Cut(a, b) => network.cut(&name(a), &name(b)),
            Step::Freeze(a, b) => network.freeze(&name(a), &name(b)),
            Step::FreezeOneWay(a, b) => network.freeze_one_way(&name(a), &name(b)),
            Step::FreezeOpen(a, b) => network.freeze_open(&name(a), &name(b)),
            Step::Delay(a, b, delay) => network.delay(&name(a), &name(b), delay),
            Step::Bandwidth(a, b, bytes) => network.bandwidth(&name(a), &name(b), bytes),
            Step::Loss(a, b, ratio) => network.loss(&name(a), &name(b), ratio),
            Step::Reset(a, b) => network.reset(&name(a), &name(b)),
            Step::Heal(a, b) => network.heal(&name(a), &name(b)),
            Step::Skew(node, skew) => grid.skew(node, skew),
            Step::Kill(node) => {
                self.unload(node);
                grid.kill(node);
            }
            Step::Shutdown(node, grace) => {
                self.unload(node);
                self.spawn(async move |world| world.grid.shutdown(node, grace).await);
            }
            Step::Start(node) => self.spawn(async move |world| world.start(node).await),
            Step::Leave(node) => self.spawn(async move |world| world.leave(node).await),
            Step::Join(node) => self.spawn(async move |world| world.join(node).await),
            Step::Impostor(node) => self.impostor(node),
            Step::ImpostorGone(node) => drop(self.state().impostors.remove(&node)),
            Step::Guest(node) => self.spawn(async move |world| world.guest(node).await),
            Step::GuestsGone(node) => self.guests_gone(node),
        }
    }

    /// Notes which calls a step can affect. A node that runs again is noted when it does.
    fn note(&self, step: Step, faults: &mut Faults) {
        let name = |node| self.grid.name(node);
        let end = |end| self.name_of_end(end);
        match step {
            Step::Cut(a, b)
            | Step::Freeze(a, b)
            | Step::FreezeOneWay(a, b)
            | Step::FreezeOpen(a, b)
            | Step::Delay(a, b, _)
            | Step::Bandwidth(a, b, _)
            | Step::Loss(a, b, _) => faults.pair_begins(&end(a), &end(b)),
            Step::Reset(a, b) => faults.pair_breaks(&end(a), &end(b)),
            Step::Heal(a, b) => faults.pair_ends(&end(a), &end(b)),
            Step::Skew(node, Skew::None) => faults.node_ends(name(node)),
            Step::Kill(node)
            | Step::Shutdown(node, _)
            | Step::Leave(node)
            | Step::Skew(node, _)
            | Step::Impostor(node) => faults.node_begins(name(node)),
            Step::ImpostorGone(node) => faults.name_is_free(name(node)),
            Step::Start(_) | Step::Join(_) | Step::Guest(_) | Step::GuestsGone(_) => {}
        }
    }

    /// The name of one end of a line.
    fn name_of_end(&self, end: usize) -> Cow<'_, str> {
        match end.checked_sub(self.plan.nodes) {
            None => self.grid.name(end).into(),
            Some(node) => guest_of(self.grid.name(node)).into(),
        }
    }

    fn spawn<F>(self: &Arc<Self>, run: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let step = run(Arc::clone(self));
        self.state().steps.spawn(step);
    }

    /// Starts a node that is on the list and does not run. One that is shutting down ends before.
    async fn start(self: &Arc<Self>, node: usize) {
        let is_wanted =
            || self.shared.listed().contains(&node) && !self.state().loads.contains_key(&node);
        if !is_wanted() {
            return;
        }
        self.grid.shutdown(node, LEAVE_GRACE).await;
        // Another step may have started it meanwhile, or taken it off the list.
        if is_wanted() {
            self.grid.restart(node).await;
            self.load(node);
        }
    }

    async fn leave(self: &Arc<Self>, node: usize) {
        self.shared.listed().remove(&node);
        let name = self.grid.name(node);
        for other in self.running().into_iter().filter(|other| other.name() != name) {
            let name = name.to_owned();
            // It fails if that node shuts down meanwhile.
            self.spawn(async move |_| drop(other.members().remove(&name, LEAVE_GRACE).await));
        }
        self.unload(node);
        self.grid.shutdown(node, LEAVE_GRACE).await;
    }

    async fn join(self: &Arc<Self>, node: usize) {
        self.shared.listed().insert(node);
        let name = self.grid.name(node);
        for other in self.running().iter().filter(|other| other.name() != name) {
            // It may be shutting down.
            let _ = other.members().add(name);
        }
        self.start(node).await;
    }

    /// Starts another process with the name of a node.
    fn impostor(&self, node: usize) {
        let name = self.grid.name(node);
        let builder = Manager::builder(name).hosts(self.shared.hosts());
        let builder = with_service(builder, &self.callers[node], self.plan.has_secret);
        match builder.dial_with(self.grid.network().dialer(name)).build() {
            Ok(manager) => drop(self.state().impostors.insert(node, manager)),
            Err(error) => self.ledger.violation(format_args!("cannot build a node: {error}")),
        }
    }

    /// Connects a guest to a node.
    pub(crate) async fn connect_guest(&self, node: usize) -> Result<Guest, GuestError> {
        let caller = self.callers[node].clone();
        let network: &Network = self.grid.network();
        let has_secret = self.plan.has_secret;
        let dialer = network.dialer(guest_of(self.grid.name(node)));
        Guest::builder(self.grid.name(node))
            .configure(|builder| with_service(builder, &caller, has_secret).dial_with(dialer))
            .connect()
            .await
    }

    async fn guest(self: &Arc<Self>, node: usize) {
        let caller = self.callers[node].clone();
        // The node may be down.
        let Ok(guest) = self.connect_guest(node).await else { return };
        let stop = Stop::default();
        let name: Arc<str> = guest.name().into();
        let line = guest_of(self.grid.name(node));
        self.ledger.note_fault(|faults| faults.is_at(&name, &line));
        let connection = guest.connection();
        self.keep_calling(name, caller, stop.clone(), move || Some((connection.clone(), None)));
        self.state().guests.entry(node).or_default().push((guest, stop));
    }

    fn guests_gone(&self, node: usize) {
        let guests = self.state().guests.remove(&node);
        for (guest, stop) in guests.iter().flatten() {
            self.ledger.note_fault(|faults| faults.node_begins(guest.name()));
            stop.set();
        }
    }

    /// Lets a node call all others, and its guests.
    fn load(self: &Arc<Self>, node: usize) {
        let stop = Stop::default();
        let before = self.state().loads.insert(node, stop.clone());
        before.iter().for_each(Stop::set);
        let (manager, caller) = (self.grid.node(node), &self.callers[node]);
        self.ledger.note_fault(|faults| faults.node_ends(manager.name()));
        let name: Arc<str> = manager.name().into();
        for to in 0..self.plan.nodes {
            let manager = manager.clone();
            let other = self.grid.name((to + 1) % self.plan.nodes).to_owned();
            let to = self.grid.name(to).to_owned();
            let find =
                move || Some((manager.connection(&to).ok()?, manager.connection(&other).ok()));
            self.keep_calling(Arc::clone(&name), caller.clone(), stop.clone(), find);
        }
        let find = move || Some((manager.guests().into_iter().next()?, None));
        self.keep_calling(name, caller.clone(), stop, find);
    }

    /// Makes calls to one node at random times, until it stops. `find` returns that node, and another one that can be asked in
    /// its place.
    fn keep_calling(
        self: &Arc<Self>,
        from: Arc<str>,
        caller: Caller,
        stop: Stop,
        find: impl Fn() -> Option<(Connection, Option<Connection>)> + Send + 'static,
    ) {
        // All pairs, in both directions.
        let pairs = (self.plan.nodes * self.plan.nodes) as u64;
        let gap_ms = (1000 * pairs / self.plan.calls_per_second).max(1);
        tokio::spawn(async move {
            loop {
                let gap = caller.lock().random.millis(1..2 * gap_ms + 1);
                if stop.within(gap).await {
                    return;
                }
                if let Some((to, other)) = find() {
                    let (caller, from) = (caller.clone(), Arc::clone(&from));
                    tokio::spawn(async move { caller.call_any(&from, &to, other).await });
                }
            }
        });
    }

    fn unload(&self, node: usize) {
        self.state().loads.remove(&node).iter().for_each(Stop::set);
    }

    /// Ends all faults, and lets all nodes run.
    pub(crate) async fn heal(self: &Arc<Self>) {
        self.trace.add(format_args!("all faults end"));
        self.grid.heal_all();
        self.ledger.note_fault(Faults::pairs_end);
        let impostors = std::mem::take(&mut self.state().impostors);
        drop(impostors);
        self.steps_end().await;
        for node in 0..self.plan.nodes {
            self.grid.skew(node, Skew::None);
            if !self.state().loads.contains_key(&node) {
                self.join(node).await;
            }
        }
    }

    /// Waits for the steps that take time, and for those that they begin.
    async fn steps_end(&self) {
        loop {
            let mut steps = std::mem::take(&mut self.state().steps);
            if steps.is_empty() {
                return;
            }
            while let Some(ended) = steps.join_next().await {
                if let Err(error) = ended {
                    self.ledger.violation(format_args!("a step has failed: {error}"));
                }
            }
        }
    }

    /// Ends all calls that begin by themselves, and all guests.
    pub(crate) fn stop_calls(&self) {
        let loads = std::mem::take(&mut self.state().loads);
        loads.values().for_each(Stop::set);
        (0..self.plan.nodes).for_each(|node| self.guests_gone(node));
    }

    /// All ordered pairs of two nodes.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let nodes = self.plan.nodes;
        let others = move |from| (0..nodes).filter(move |to| *to != from);
        (0..nodes).flat_map(move |from| others(from).map(move |to| (from, to)))
    }

    /// All nodes, which must run.
    pub(crate) fn nodes(&self) -> Vec<Manager> {
        (0..self.plan.nodes).map(|node| self.grid.node(node)).collect()
    }

    /// The nodes that run.
    pub(crate) fn running(&self) -> Vec<Manager> {
        let loads: Vec<usize> = self.state().loads.keys().copied().collect();
        loads.into_iter().map(|node| self.grid.node(node)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn listed(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosts(&self) -> Vec<String> {
        self.listed().iter().map(|node| self.names[*node].clone()).collect()
    }
}

/// The name by which the network knows the guests of a node.
fn guest_of(node: &str) -> String {
    format!("guest of {node}")
}

/// What all nodes and guests have.
fn with_service(builder: Builder, caller: &Caller, has_secret: bool) -> Builder {
    let server = || WorkServer::new(Worker { caller: caller.clone() });
    let builder = builder.service(server()).service(server().subroute(SUBROUTE));
    match has_secret {
        true => builder.token(SharedSecret::new("a secret of the simulated nodes")),
        false => builder.token(grid::NoAuth),
    }
}
