//! [`Plan`]: everything that is decided before a run begins: the nodes, their settings, and which fault begins and ends when.

use std::collections::BTreeSet;
use std::time::Duration;

use grid::Config;
use grid::testing::Skew;

use crate::call_spec::LARGE_BYTES;
use crate::random::Random;

/// What a run consists of.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    /// Nodes that speak the base protocol only.
    pub(crate) base: BTreeSet<usize>,
    /// Whether nodes know each other by a shared secret.
    pub(crate) has_secret: bool,
    pub(crate) config: Config,
    /// How long faults begin and end.
    pub(crate) time: Duration,
    pub(crate) calls_per_second: u64,
    /// The largest payload.
    pub(crate) bytes_max: u64,
    /// How often payloads are larger than some KiB.
    pub(crate) large_ratio: f64,
    /// In the order of their times.
    pub(crate) steps: Vec<(Duration, Step)>,
}

/// A change of the grid or of its network. Nodes are indices; an end of a line can also be [`Plan::guest_of`] its other end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Cut(usize, usize),
    Freeze(usize, usize),
    FreezeOneWay(usize, usize),
    FreezeOpen(usize, usize),
    Delay(usize, usize, Duration),
    Bandwidth(usize, usize, u32),
    Loss(usize, usize, f64),
    Reset(usize, usize),
    Heal(usize, usize),
    /// A crash.
    Kill(usize),
    Shutdown(usize, Duration),
    /// Starts a node that does not run.
    Start(usize),
    /// A node leaves the host list and is shut down.
    Leave(usize),
    /// It is added to the list, and started.
    Join(usize),
    Skew(usize, Skew),
    /// Another process with the name of a node.
    Impostor(usize),
    ImpostorGone(usize),
    /// A guest connects to a node.
    Guest(usize),
    /// All guests of a node leave.
    GuestsGone(usize),
}

/// Kinds of faults, which begin with one step and end with another one.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Pair(fn(&mut Random, usize, usize) -> Step),
    Reset,
    Partition,
    Crash,
    Restart,
    Move,
    Clock,
    Impostor,
    Guest,
}

const FAULTS: &[(u64, Fault)] = &[
    (8, Fault::Pair(|_, a, b| Step::Cut(a, b))),
    (8, Fault::Pair(|_, a, b| Step::Freeze(a, b))),
    (8, Fault::Pair(|_, a, b| Step::FreezeOneWay(a, b))),
    (6, Fault::Pair(|_, a, b| Step::FreezeOpen(a, b))),
    (8, Fault::Pair(|random, a, b| Step::Delay(a, b, random.log_uniform_millis(1..2_000)))),
    (
        6,
        Fault::Pair(|random, a, b| {
            Step::Bandwidth(a, b, random.log_uniform(16_000..2_000_000) as u32)
        }),
    ),
    (6, Fault::Pair(|random, a, b| Step::Loss(a, b, random.range(1..200) as f64 / 1000.0))),
    (8, Fault::Reset),
    (6, Fault::Partition),
    (10, Fault::Crash),
    (6, Fault::Restart),
    (5, Fault::Move),
    (3, Fault::Clock),
    (1, Fault::Impostor),
    (6, Fault::Guest),
];

/// The shortest and the longest time of a fault, in milliseconds.
const FAULT_MS: std::ops::Range<u64> = 5..40_000;

impl Plan {
    /// The plan of this seed. `nodes`: their number, in place of the one that the seed decides.
    pub(crate) fn new(seed: u64, nodes: Option<usize>) -> Self {
        let mut random = Random::new(seed, "plan");
        let drawn = random.weighted(&[(50, 3), (20, 4), (14, 5), (10, 7), (5, 12), (1, 32)]);
        let nodes = nodes.unwrap_or(drawn);
        let has_secret = random.chance(0.3);
        let base = (0..nodes).filter(|_| random.chance(0.08) && !has_secret).collect();
        let time = Duration::from_secs(random.range(30..120));
        let bytes_max = if nodes > 8 { 64 << 10 } else { 1 << 20 };
        let config = config(&mut random, nodes, bytes_max as usize);
        let large_ratio = if has_little_memory(&config) { 0.5 } else { 0.02 };
        let mut plan = Self {
            seed,
            nodes,
            base,
            has_secret,
            config,
            time,
            calls_per_second: random.log_uniform(10..100),
            bytes_max,
            large_ratio,
            steps: Vec::new(),
        };
        plan.add_faults(&mut random);
        // Stable: what was added first comes first.
        plan.steps.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Whether another process has the name of this node for a while: then it is known again after a minute or two.
    pub(crate) fn has_impostor(&self, node: usize) -> bool {
        self.steps.iter().any(|(_, step)| *step == Step::Impostor(node))
    }

    /// Whether nodes have limits that are easily reached.
    pub(crate) fn has_limits(&self) -> bool {
        has_little_memory(&self.config)
            || self.config.calls_per_peer_max < Config::default().calls_per_peer_max
    }

    /// The index of the guests of a node, as an end of their line to it.
    pub(crate) fn guest_of(&self, node: usize) -> usize {
        self.nodes + node
    }

    fn add_faults(&mut self, random: &mut Random) {
        // Until when each node is down, or something else of its own.
        let mut busy = vec![Duration::ZERO; self.nodes];
        let mut at = random.millis(100..5_000);
        let gap = random.log_uniform(300..15_000);
        while at < self.time {
            let fault = random.weighted(FAULTS);
            let end = (at + random.log_uniform_millis(FAULT_MS)).min(self.time);
            self.add(random, &mut busy, fault, (at, end));
            at += random.millis(1..2 * gap);
        }
    }

    fn add(
        &mut self,
        random: &mut Random,
        busy: &mut [Duration],
        fault: Fault,
        (at, end): (Duration, Duration),
    ) {
        let a = random.index(self.nodes);
        let b = (a + 1 + random.index(self.nodes - 1)) % self.nodes;
        let other_end = if random.chance(0.1) { self.guest_of(a) } else { b };
        let mut own = |step, last| {
            if busy[a] <= at {
                busy[a] = end + Duration::from_secs(1);
                self.steps.extend([(at, step), (end, last)]);
            }
        };
        match fault {
            Fault::Pair(step) => {
                let step = step(random, a, other_end);
                self.steps.extend([(at, step), (end, Step::Heal(a, other_end))]);
            }
            Fault::Reset => self.steps.push((at, Step::Reset(a, other_end))),
            Fault::Partition => self.partition(random, (at, end)),
            Fault::Crash => own(Step::Kill(a), Step::Start(a)),
            Fault::Restart => {
                let grace = random.log_uniform_millis(1..10_000);
                own(Step::Shutdown(a, grace), Step::Start(a));
            }
            Fault::Move => own(Step::Leave(a), Step::Join(a)),
            Fault::Clock => {
                let by = Duration::from_secs(random.log_uniform(1..3600));
                let skew = if random.chance(0.5) { Skew::Ahead(by) } else { Skew::Behind(by) };
                self.steps.extend([(at, Step::Skew(a, skew)), (end, Step::Skew(a, Skew::None))]);
            }
            Fault::Impostor => own(Step::Impostor(a), Step::ImpostorGone(a)),
            Fault::Guest if !self.base.contains(&a) => {
                self.steps.extend([(at, Step::Guest(a)), (end, Step::GuestsGone(a))]);
            }
            Fault::Guest => {}
        }
    }

    /// Cuts some nodes off from the others, in both directions or in one.
    fn partition(&mut self, random: &mut Random, (at, end): (Duration, Duration)) {
        let side: Vec<bool> = (0..self.nodes).map(|_| random.chance(0.5)).collect();
        let cuts: fn(usize, usize) -> Step =
            random.one_of(&[Step::Cut as fn(_, _) -> _, Step::Freeze, Step::FreezeOneWay]);
        for a in (0..self.nodes).filter(|a| side[*a]) {
            for b in (0..self.nodes).filter(|b| !side[*b]) {
                self.steps.extend([(at, cuts(a, b)), (end, Step::Heal(a, b))]);
            }
        }
    }
}

fn has_little_memory(config: &Config) -> bool {
    config.bytes_per_peer_max < Config::default().bytes_per_peer_max
}

/// Mostly the settings that users have, sometimes ones that are reached quickly.
fn config(random: &mut Random, nodes: usize, bytes_max: usize) -> Config {
    let config = Config::default();
    match random.weighted(&[(50, 0), (15, 1), (15, 2), (10, 3), (10, 4)]) {
        0 => config,
        1 => config.ping_interval(Duration::from_secs(2)).connect_timeout(Duration::from_secs(3)),
        2 => config
            .outbox_bytes(random.log_uniform(1..64 << 10) as usize)
            .stream_window_max(random.log_uniform(1 << 10..256 << 10) as usize),
        // The last calls of a run are made while a post is on its way.
        3 => config
            .calls_per_peer_max(random.log_uniform(2..64) as usize)
            .blocking_calls_max(1)
            .posts_bytes_max(4096),
        _ => {
            // The largest payload, and what is around it.
            let message = bytes_max.max(LARGE_BYTES as usize) + 4096;
            let peer = 3 * message + random.log_uniform(1..4 * bytes_max as u64) as usize;
            config
                .message_bytes_max(message)
                .bytes_per_peer_max(peer)
                // Each peer counts for the node in steps of 256 KiB.
                .bytes_per_node_max(
                    peer + (nodes << 18) + random.log_uniform(1..4 * bytes_max as u64) as usize,
                )
        }
    }
}
