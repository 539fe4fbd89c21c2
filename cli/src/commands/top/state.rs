//! [`State`]: the latest report of each node, as the rows of two tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grid::admin::{Activity, Durations, LinkStatus, MethodActivity};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::nodes::From;
use crate::output::short;

/// What a node has said, or why it says nothing.
pub(super) type Report = From<Result<(Activity, Vec<LinkStatus>), Failure>>;

/// The headings of the table of methods.
pub(super) const METHODS: [&str; 9] =
    ["method", "", "node", "peer", "calls/s", "failed/s", "p50", "p99", "bytes/s"];

/// The headings of the table of links.
pub(super) const LINKS: [&str; 8] =
    ["node", "peer", "state", "rtt", "in flight", "queued", "held", "stalls"];

/// What methods are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Calls,
    Failed,
    Slowest,
    Name,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Calls => Self::Failed,
            Self::Failed => Self::Slowest,
            Self::Slowest => Self::Name,
            Self::Name => Self::Calls,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Failed => "failures",
            Self::Slowest => "p99",
            Self::Name => "name",
        }
    }
}

/// The latest report of each node.
pub(super) struct State {
    nodes: BTreeMap<Arc<str>, (Activity, Vec<LinkStatus>)>,
    /// Nodes that say nothing, and why.
    lost: BTreeMap<Arc<str>, String>,
    /// With several nodes, most calls are reported at both ends.
    is_served_only: bool,
    pub(super) order: Order,
    /// Whether the nodes and peers of a method are one row.
    pub(super) is_grouped: bool,
}

/// A row of the table of methods.
pub(super) struct MethodRow {
    method: String,
    is_served: bool,
    node: String,
    peer: String,
    pub(super) calls: f64,
    pub(super) failed: f64,
    bytes: f64,
    durations: Durations,
}

/// A row of the table of links.
pub(super) struct LinkRow {
    pub(super) is_connected: bool,
    pub(super) cells: [String; LINKS.len()],
}

impl State {
    pub(super) fn new(is_served_only: bool) -> Self {
        Self {
            nodes: BTreeMap::new(),
            lost: BTreeMap::new(),
            is_served_only,
            order: Order::default(),
            is_grouped: false,
        }
    }

    pub(super) fn add(&mut self, From { node, item }: Report) {
        match item {
            Ok(report) => {
                self.lost.remove(&node);
                self.nodes.insert(node, report);
            }
            Err(failure) => {
                self.nodes.remove(&node);
                self.lost.insert(node, failure.to_string());
            }
        }
    }

    /// How many nodes have reported.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The methods in the order that was chosen.
    pub(super) fn methods(&self) -> Vec<MethodRow> {
        let mut rows: BTreeMap<_, MethodRow> = BTreeMap::new();
        for (node, (activity, _)) in &self.nodes {
            let seconds = Duration::from_micros(activity.within_us.max(1)).as_secs_f64();
            let shown = |of: &&MethodActivity| of.is_served || !self.is_served_only;
            for of in activity.methods.iter().filter(shown) {
                let (node, peer) = match self.is_grouped {
                    true => ("", ""),
                    false => (&**node, &*of.peer),
                };
                let key = (&of.method, of.is_served, node, peer);
                rows.entry(key).or_insert_with(|| MethodRow::new(key)).add(of, seconds);
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        let p99 = |row: &MethodRow| row.durations.quantile(0.99);
        match self.order {
            Order::Calls => rows.sort_by(|one, other| other.calls.total_cmp(&one.calls)),
            Order::Failed => rows.sort_by(|one, other| other.failed.total_cmp(&one.failed)),
            Order::Slowest => rows.sort_by_key(|row| std::cmp::Reverse(p99(row))),
            Order::Name => {}
        }
        rows
    }

    /// The links: first nodes that are lost, and then links that are down.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkRow> {
        let lost = self.lost.iter().map(|(node, reason)| LinkRow::of_lost(node, reason));
        let all = self.nodes.iter().flat_map(|(node, (_, links))| {
            let links = links.iter().filter(|link| link.kind != "self");
            links.map(|link| LinkRow::of(node, link))
        });
        let mut all: Vec<_> = lost.chain(all).collect();
        all.sort_by_key(|row| row.is_connected);
        all.into_iter()
    }

    /// A line for each node, for programs.
    pub(super) fn json(&self) -> Vec<Value> {
        let of = |(node, (activity, links)): (&Arc<str>, &(Activity, Vec<LinkStatus>))| {
            let quantiles = activity.methods.iter().map(|of| {
                let micros =
                    |share| of.durations.quantile(share).map(|time| time.as_micros() as u64);
                json!({ "p50_us": micros(0.5), "p99_us": micros(0.99), "of": of })
            });
            let methods: Vec<_> = quantiles.collect();
            json!({ "node": &**node, "within_us": activity.within_us, "methods": methods, "links": links })
        };
        self.nodes.iter().map(of).collect()
    }
}

impl MethodRow {
    fn new((method, is_served, node, peer): (&String, bool, &str, &str)) -> Self {
        Self {
            method: method.clone(),
            is_served,
            node: node.to_owned(),
            peer: peer.to_owned(),
            calls: 0.0,
            failed: 0.0,
            bytes: 0.0,
            durations: Durations::default(),
        }
    }

    fn add(&mut self, of: &MethodActivity, seconds: f64) {
        self.calls += of.calls() as f64 / seconds;
        self.failed += of.failed() as f64 / seconds;
        self.bytes += (of.request_bytes as f64 + of.answer_bytes as f64) / seconds;
        self.durations.merge(&of.durations);
    }

    pub(super) fn cells(&self) -> [String; METHODS.len()] {
        let quantile = |share| self.durations.quantile(share).map(short).unwrap_or_default();
        [
            self.method.clone(),
            if self.is_served { "<-" } else { "->" }.to_owned(),
            self.node.clone(),
            self.peer.clone(),
            rate(self.calls),
            rate(self.failed),
            quantile(0.5),
            quantile(0.99),
            rate(self.bytes),
        ]
    }
}

impl LinkRow {
    fn of_lost(node: &str, reason: &str) -> Self {
        let mut cells = [(); LINKS.len()].map(|()| String::new());
        cells[0] = node.to_owned();
        cells[2] = reason.to_owned();
        Self { is_connected: false, cells }
    }

    fn of(node: &str, link: &LinkStatus) -> Self {
        Self {
            is_connected: link.is_connected(),
            cells: [
                node.to_owned(),
                link.peer.clone(),
                link.text.clone(),
                link.rtt_us.map(|rtt| short(Duration::from_micros(rtt))).unwrap_or_default(),
                (link.in_flight_in + link.in_flight_out).to_string(),
                rate(link.queued_bytes as f64),
                rate(link.held_bytes as f64),
                link.stalls.to_string(),
            ],
        }
    }
}

/// A number with three digits, such as `12.3k`.
fn rate(number: f64) -> String {
    let (value, unit) = match number {
        ..1e3 => (number, ""),
        ..1e6 => (number / 1e3, "k"),
        ..1e9 => (number / 1e6, "M"),
        _ => (number / 1e9, "G"),
    };
    let digits = usize::from(value < 100.0 && (!unit.is_empty() || value.fract() > 0.0));
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report as a node sends it.
    pub(in crate::commands::top) fn report(node: &str, is_up: bool) -> Report {
        let activity = json!({ "within_us": 2_000_000, "methods": [
            { "method": "Items/get", "peer": "http://b", "is_served": true, "outcomes": { "ok": 3000, "handler": 20 },
              "durations": { "127": 2000, "1023": 1020 }, "request_bytes": 6000, "answer_bytes": 0 },
            { "method": "Items/put", "peer": "http://b", "is_served": true, "outcomes": { "ok": 2 },
              "durations": { "8191": 2 }, "request_bytes": 8, "answer_bytes": 0 },
            { "method": "Items/get", "peer": "http://c", "is_served": false, "outcomes": { "ok": 10_000 },
              "durations": { "255": 10_000 }, "request_bytes": 0, "answer_bytes": 0 },
        ] });
        let state =
            if is_up { ("connected", "connected") } else { ("error", "not connected: refused") };
        let links = json!([
            { "peer": "http://c", "kind": "node", "state": "connected", "text": "connected", "rtt_us": 480 },
            { "peer": "http://b", "kind": "node", "state": state.0, "text": state.1, "queued_bytes": 2048 },
        ]);
        let activity = serde_json::from_value(activity).expect("an activity");
        let links = serde_json::from_value(links).expect("links");
        From { node: node.into(), item: Ok((activity, links)) }
    }

    fn cells(state: &State) -> Vec<String> {
        state.methods().iter().map(|row| row.cells().join(" ").trim().to_owned()).collect()
    }

    #[test]
    fn methods_are_sorted_and_grouped() {
        let mut state = State::new(false);
        state.add(report("http://a", true));
        let get = "Items/get <- http://a http://b 1.5k 10 127µs 1.02ms 3.0k";
        let put = "Items/put <- http://a http://b 1 0 8.19ms 8.19ms 4";
        let made = "Items/get -> http://a http://c 5.0k 0 255µs 255µs 0";
        assert_eq!(cells(&state), [made, get, put]);
        state.order = Order::Failed;
        assert_eq!(cells(&state)[0], get);
        state.order = Order::Slowest;
        assert_eq!(cells(&state)[0], put);
        let mut state = State::new(true);
        (state.is_grouped, state.order) = (true, Order::Name);
        state.add(report("http://a", true));
        state.add(report("http://d", true));
        let of_both =
            ["Items/get <-   3.0k 20 127µs 1.02ms 6.0k", "Items/put <-   2 0 8.19ms 8.19ms 8"];
        assert_eq!(cells(&state), of_both, "none of those that were made");
    }

    #[test]
    fn links_that_are_down_come_first() {
        let mut state = State::new(true);
        state.add(report("http://a", true));
        state.add(report("http://d", false));
        let rows: Vec<_> = state.links().map(|row| row.cells.join(" ")).collect();
        assert_eq!(rows[0], "http://d http://b not connected: refused  0 2.0k 0 0");
        assert_eq!(rows.len(), 4);
        let gone = Failure::Usage("no answer".to_owned());
        state.add(From { node: "http://a".into(), item: Err(gone) });
        let rows: Vec<_> = state.links().map(|row| row.cells.join(" ")).collect();
        assert_eq!(
            (&*rows[0], rows.len()),
            ("http://a  no answer     ", 3),
            "its links are not known"
        );
        assert_eq!(state.nodes(), 1);
    }
}
