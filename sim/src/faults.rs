//! [`Faults`]: which nodes and which pairs of nodes have a fault, or had one lately. Only there may calls fail for other reasons
//! than their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// A fault is over for calls so long after its end: until then the nodes connect again, and a silent connection is noticed.
const AFTERMATH: Duration = Duration::from_secs(30);

/// The same for a name that two processes had, which is tried again with growing pauses.
const NAME_AFTERMATH: Duration = Duration::from_secs(150);

/// See the module. Nodes are names.
#[derive(Debug)]
pub(crate) struct Faults {
    start: Instant,
    nodes: BTreeMap<Arc<str>, Fault>,
    /// The name by which the network knows each guest.
    guests: BTreeMap<Arc<str>, Arc<str>>,
    /// The lesser name is first.
    pairs: BTreeMap<(Arc<str>, Arc<str>), Fault>,
}

/// The last fault of a node or pair.
#[derive(Debug, Clone, Copy)]
struct Fault {
    /// When its effects are over; `None` while it lasts.
    over: Option<Instant>,
}

impl Fault {
    fn affects(self, since: Instant) -> bool {
        self.over.is_none_or(|over| over >= since)
    }
}

impl Faults {
    /// Nodes that start connect to each other first.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            nodes: BTreeMap::new(),
            guests: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// The network knows this guest by another name.
    pub(crate) fn is_at(&mut self, guest: &str, line: &str) {
        self.guests.insert(guest.into(), line.into());
    }

    pub(crate) fn node_begins(&mut self, node: &str) {
        self.nodes.insert(node.into(), Fault { over: None });
    }

    pub(crate) fn node_ends(&mut self, node: &str) {
        self.node_ends_with(node, AFTERMATH);
    }

    /// Another process had the name of the node until now.
    pub(crate) fn name_is_free(&mut self, node: &str) {
        self.node_ends_with(node, NAME_AFTERMATH);
    }

    fn node_ends_with(&mut self, node: &str, aftermath: Duration) {
        let over = Instant::now() + aftermath;
        // What remains of an earlier fault goes on.
        let before = self.nodes.get(node).and_then(|fault| fault.over);
        self.nodes.insert(node.into(), Fault { over: before.max(Some(over)) });
    }

    pub(crate) fn pair_begins(&mut self, a: &str, b: &str) {
        self.pairs.insert(pair(a, b), Fault { over: None });
    }

    pub(crate) fn pair_ends(&mut self, a: &str, b: &str) {
        self.pairs.insert(pair(a, b), Fault { over: Some(Instant::now() + AFTERMATH) });
    }

    /// The connections between two nodes end. A fault that lasts goes on.
    pub(crate) fn pair_breaks(&mut self, a: &str, b: &str) {
        if self.pairs.get(&pair(a, b)).is_none_or(|fault| fault.over.is_some()) {
            self.pair_ends(a, b);
        }
    }

    /// All faults between nodes end.
    pub(crate) fn pairs_end(&mut self) {
        let over = Some(Instant::now() + AFTERMATH);
        self.pairs
            .values_mut()
            .filter(|fault| fault.over.is_none())
            .for_each(|fault| fault.over = over);
    }

    /// Whether a call between two nodes that has begun at `since` may have been affected.
    pub(crate) fn affect(&self, from: &str, to: &str, since: Instant) -> bool {
        let of_node = |name: &str| self.nodes.get(name).is_some_and(|fault| fault.affects(since));
        since < self.start + AFTERMATH
            || of_node(from)
            || of_node(to)
            || self
                .pairs
                .get(&pair(self.end_of(from), self.end_of(to)))
                .is_some_and(|fault| fault.affects(since))
    }

    /// The name of a node or guest in the network.
    fn end_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.guests.get(name).map_or(name, |line| line)
    }
}

fn pair(a: &str, b: &str) -> (Arc<str>, Arc<str>) {
    if a <= b { (a.into(), b.into()) } else { (b.into(), a.into()) }
}
