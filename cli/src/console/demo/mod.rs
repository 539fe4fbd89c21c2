//! Fifty made-up nodes, for a look at the page without any real one. Everything follows from the number of the second.

mod basis;
mod calls;
mod streams;

use grid::admin::AdminEvent;
use serde_json::{Value, json};

use self::basis::{METHODS, NODES, load, name, noise};
pub(super) use self::calls::calls;
use self::streams::streams;
use super::services::ServiceRow;
use super::state::{
    CallRow, EventRow, FindingRow, LinkRow, MethodRow, NodeRow, NodeState, Source, State, rounded,
    unix_ms,
};
use super::trends::SECONDS_MAX;

/// This node is down for a part of each minute.
const FRAIL: u64 = 17;

/// This node shuts down, and takes no new calls.
const LEAVING: u64 = 31;

const REFUSED: &str = "connect: Connection refused (os error 111)";

/// Whether the frail node is down. It is at the beginning, so that a look of a second shows it.
fn is_down(node: u64, second: u64) -> bool {
    node == FRAIL && second % 60 < 40
}

/// The state in this second.
pub(super) fn state(second: u64) -> State {
    let now = unix_ms();
    let mut events = events(second, now);
    events.sort_by_key(|row| row.event.at_unix_ms);
    State {
        source: Source::Demo,
        entry: name(0),
        at_unix_ms: now,
        allows_calls: false,
        nodes: (0..NODES).map(|number| node(number, second, now)).collect(),
        links: (0..NODES)
            .filter(|node| !is_down(*node, second))
            .flat_map(|node| {
                (0..NODES).filter(move |peer| *peer != node).map(move |peer| (node, peer))
            })
            .map(|(node, peer)| link(node, peer, second))
            .collect(),
        streams: streams(second, name),
        methods: METHODS.iter().zip(0..).map(|(of, number)| method(of, number, second)).collect(),
        calls: (0..NODES)
            .filter(|node| !is_down(*node, second))
            .flat_map(|of| callers(of, second))
            .collect(),
        calls_left_out: 0,
        events,
        findings: findings(second),
    }
}

fn node(number: u64, second: u64, now: u64) -> NodeRow {
    let is_down = is_down(number, second);
    let rate = |base: f64| if is_down { 0.0 } else { rounded(base * load(number, second)) };
    NodeRow {
        name: name(number),
        state: if is_down { NodeState::Lost } else { NodeState::Up },
        reason: if is_down {
            format!("cannot connect to {} as a guest: {REFUSED}", name(number))
        } else {
            String::new()
        },
        lost_unix_ms: is_down.then(|| now - second % 60 * 1000),
        version: if number == 9 { "0.0.9" } else { "0.1.0" }.to_owned(),
        instance: format!("{:08x}", number * 7919),
        up_ms: 86_400_000 + second * 1000,
        ahead_ms: (noise(number, 1) * 20.0) as i64 - 10,
        guests: 1,
        served_per_s: rate(200.0),
        failed_per_s: if number == 5 { rate(1.5) } else { 0.0 },
        made_per_s: rate(200.0),
    }
}

fn link(node: u64, peer: u64, second: u64) -> LinkRow {
    let pair = node.min(peer) * NODES + node.max(peer);
    let busy = noise(pair, 2).powi(4);
    let (state, text) = match peer {
        _ if is_down(peer, second) => ("error", REFUSED),
        LEAVING => ("draining", "connected, takes no new calls"),
        _ => ("connected", "connected"),
    };
    let is_up = state != "error";
    let is_slow = pair.is_multiple_of(97);
    let millis = if is_slow { 40.0 } else { 0.2 + noise(pair, 3) * 0.6 };
    LinkRow {
        node: name(node),
        peer: name(peer),
        kind: "node".to_owned(),
        state: state.to_owned(),
        text: text.to_owned(),
        rtt_us: is_up.then(|| (millis * 1000.0 * load(pair, second)) as u64),
        up_ms: is_up.then_some(86_400_000 + second * 1000),
        in_flight_in: if is_up { (busy * 12.0 * load(pair, second)) as u64 } else { 0 },
        in_flight_out: if is_up { (busy * 12.0 * load(pair + 1, second)) as u64 } else { 0 },
        queued_bytes: if is_slow && is_up { (90_000.0 * load(pair, second)) as u64 } else { 0 },
        held_bytes: if is_up { (busy * 200_000.0) as u64 } else { 0 },
        bytes_per_s: if is_up { rounded(2_000_000.0 * busy * load(pair, second)) } else { 0.0 },
        stalls: if is_slow { 30 + second } else { 0 },
        stalls_recent: if is_slow && is_up { 30 } else { 0 },
    }
}

fn method((method, rate, micros): &(&str, f64, f64), number: u64, second: u64) -> MethodRow {
    let calls = |at: u64| rate * load(number, at);
    let p99 = |at: u64| micros * 4.0 * (0.8 + 0.6 * noise(number + 50, at / 3));
    // As if the console had looked on for two minutes already.
    let seconds = (second + 1)..=(second + SECONDS_MAX as u64);
    let now = *seconds.end();
    MethodRow {
        method: (*method).to_owned(),
        calls_per_s: rounded(calls(now)),
        failed_per_s: if number == 2 { rounded(4.0 * load(7, now)) } else { 0.0 },
        bytes_per_s: rounded(calls(now) * 240.0),
        p50_us: Some(*micros as u64),
        p90_us: Some((micros * 1.9) as u64),
        p99_us: Some(p99(now) as u64),
        calls: seconds.clone().map(|at| calls(at) as u32).collect(),
        p99s_us: seconds.map(|at| p99(at) as u32).collect(),
    }
}

/// Each node calls a few others.
fn callers(node: u64, second: u64) -> impl Iterator<Item = CallRow> {
    (1..=3).flat_map(move |step| {
        let (before, after) = ((node + NODES - step) % NODES, (node + step) % NODES);
        let (method, rate, micros) = METHODS[((node + step) % 6) as usize];
        let row = move |peer, is_served| CallRow {
            node: name(node),
            peer: name(peer),
            method: method.to_owned(),
            is_served,
            calls_per_s: rounded(rate / 50.0 * load(node, second)),
            failed_per_s: 0.0,
            p50_us: Some(micros as u64),
            p99_us: Some((micros * 4.0) as u64),
        };
        [row(before, true), row(after, false)]
    })
}

fn events(second: u64, now: u64) -> Vec<EventRow> {
    let event = |node: u64, ago_s: u64, kind: &str, peer: u64, text: &str| {
        let mut event = AdminEvent::default();
        event.at_unix_ms = now - ago_s * 1000;
        kind.clone_into(&mut event.kind);
        event.is_warning = matches!(kind, "slow_reader" | "slow_handler");
        event.peer = Some(name(peer));
        text.clone_into(&mut event.text);
        EventRow { node: name(node), event }
    };
    let since = second % 60;
    let down = format!("the link is down: {REFUSED}");
    let mut rows: Vec<_> =
        (0..6)
            .map(|node| event(node, since, "down", FRAIL, &down))
            .chain((0..4).map(|node| {
                event(node, 600 + node, "up", FRAIL, "the link is up, to run 0001f0a3")
            }))
            .collect();
    rows.push(event(2, 95, "draining", LEAVING, "takes no new calls"));
    rows.push(event(
        0,
        240,
        "slow_reader",
        47,
        "a stream of Stock/watch waits for its reader at http://node-48:9000",
    ));
    rows.push(event(
        5,
        410,
        "slow_handler",
        12,
        "a handler of Search/query ran for 1.2s without waiting",
    ));
    rows.extend(
        (since >= 40).then(|| event(0, since - 40, "up", FRAIL, "the link is up, to run 0001f0a4")),
    );
    rows
}

fn findings(second: u64) -> Vec<FindingRow> {
    let finding = |severity: &str, node, what: &str, text: String| FindingRow {
        severity: severity.to_owned(),
        node: name(node),
        what: what.to_owned(),
        text,
    };
    let mut rows = Vec::new();
    if is_down(FRAIL, second) {
        let text = format!("cannot connect to {} as a guest: {REFUSED}", name(FRAIL));
        rows.push(finding("critical", FRAIL, "unreachable", text));
    }
    let text = "runs version 0.0.9 of the library, and http://node-01:9000 version 0.1.0";
    rows.push(finding("warning", 9, "version_differs", text.to_owned()));
    let text = "a stream of Stock/watch waits for its reader at http://node-48:9000";
    rows.push(finding("warning", 0, "slow_reader", text.to_owned()));
    rows
}

/// What all made-up nodes serve.
pub(super) fn services() -> Vec<ServiceRow> {
    let method = |name: &str, id: u32, signature: &str, argument: &str, schema: Value| {
        json!({
            "name": name, "id": id, "kind": "single", "docs": "Made up.", "signature": signature,
            "arguments": [{ "name": argument, "type": "made up" }],
            "schemas": { "arguments": [schema.to_string()], "output": json!({ "type": "string" }).to_string() },
        })
    };
    let order = json!({
        "type": "object", "title": "Order", "required": ["article", "count"],
        "properties": {
            "article": { "type": "string", "description": "The number of the article." },
            "count": { "type": "integer", "minimum": 1, "maximum": 100 },
            "express": { "type": "boolean", "default": false },
        },
    });
    let service = json!({
        "name": "Orders", "docs": "Made-up orders.",
        "methods": [
            method("place", 1, "place(order: Order) -> String", "order", order),
            method("status", 2, "status(id: String) -> String", "id", json!({ "type": "string" })),
        ],
    });
    let service = serde_json::from_value(service).expect("it is what a node describes");
    vec![ServiceRow { nodes: (0..NODES).map(name).collect(), service }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_nodes_are_linked_with_each_other() {
        let state = state(3);
        assert_eq!(state.nodes.len(), 50);
        assert_eq!(state.links.len(), 49 * 49, "one node is down");
        let waiting = state.streams.iter().filter(|row| row.stream.waits());
        assert_eq!((waiting.count(), state.streams.len()), (4, 32));
        let down = state.nodes.iter().filter(|node| node.state == NodeState::Lost);
        assert_eq!(down.map(|node| &*node.name).collect::<Vec<_>>(), ["http://node-18:9000"]);
        assert!(state.methods.iter().all(|row| row.calls.len() == SECONDS_MAX));
        assert_eq!(services()[0].service.methods.len(), 2);
    }
}
