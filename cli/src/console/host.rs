//! [`Host`]: what one node has reported, and whether it is up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use grid::admin::{Activity, AdminEvent, LinkStatus, NodeStatus, StreamStatus};

use super::bounds;
use super::rates::{self, per_second};
use super::state::{LinkRow, NodeRow, NodeState, StreamRow, rounded};
use crate::nodes::Node;
use crate::snapshot::NodeReport;

/// Events of a node that are kept, as many as the node itself keeps.
const EVENTS_MAX: usize = 256;

/// Reports within which stalls count as recent: a minute.
const RECENT_REPORTS: usize = 60;

/// What one node has reported.
#[derive(Default)]
pub(super) struct Host {
    pub(super) phase: Phase,
    /// Without its events, which are beside it.
    latest: Option<NodeReport>,
    pub(super) activity: Activity,
    pub(super) events: VecDeque<AdminEvent>,
    reports: u64,
    links: BTreeMap<String, Trail>,
    streams: Vec<StreamStatus>,
}

/// What a node reports each time.
pub(super) struct Now {
    pub(super) status: NodeStatus,
    /// How far its clock is ahead.
    pub(super) ahead_ms: i64,
    pub(super) links: Vec<LinkStatus>,
    pub(super) streams: Vec<StreamStatus>,
}

#[derive(Default)]
pub(super) enum Phase {
    #[default]
    Connecting,
    Up(Arc<Node>),
    Lost {
        reason: String,
        since_unix_ms: u64,
    },
}

/// What the counters of a link were in earlier reports.
#[derive(Default)]
struct Trail {
    bytes: u64,
    bytes_per_s: f64,
    /// Of the last minute, the oldest first.
    stalls: VecDeque<u64>,
}

impl Host {
    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up(_))
    }

    pub(super) fn state(&self) -> NodeState {
        match self.phase {
            Phase::Connecting => NodeState::Connecting,
            Phase::Up(_) => NodeState::Up,
            Phase::Lost { .. } => NodeState::Lost,
        }
    }

    pub(super) fn node(&self) -> Option<Arc<Node>> {
        match &self.phase {
            Phase::Up(node) => Some(Arc::clone(node)),
            _ => None,
        }
    }

    pub(super) fn latest(&self) -> Option<&NodeReport> {
        self.latest.as_ref()
    }

    /// The latest report with the events, for `grid check`.
    pub(super) fn snapshot(&self) -> Option<NodeReport> {
        let latest = self.latest.clone()?;
        Some(NodeReport { events: self.events.iter().cloned().collect(), ..latest })
    }

    pub(super) fn is_settled(&self) -> bool {
        match self.phase {
            Phase::Connecting => false,
            Phase::Up(_) => self.reports > 0,
            Phase::Lost { .. } => true,
        }
    }

    pub(super) fn reached(&mut self, node: Arc<Node>, mut report: NodeReport) {
        bounds::report(&mut report);
        self.links.clear();
        for link in &report.links {
            self.links.entry(link.peer.clone()).or_default().start(link);
        }
        for event in std::mem::take(&mut report.events) {
            self.event(event);
        }
        self.reports = 0;
        self.activity = Activity::default();
        self.streams.clear();
        self.latest = Some(report);
        self.phase = Phase::Up(node);
    }

    /// The time of the loss stays, while attempts to connect fail with reasons that may change.
    pub(super) fn lost(&mut self, mut reason: String, now_unix_ms: u64) {
        bounds::text(&mut reason);
        let since_unix_ms = match self.phase {
            Phase::Lost { since_unix_ms, .. } => since_unix_ms,
            _ => now_unix_ms,
        };
        self.phase = Phase::Lost { reason, since_unix_ms };
    }

    pub(super) fn report(&mut self, mut activity: Activity, now: Now) {
        let Now { mut status, ahead_ms, mut links, mut streams } = now;
        bounds::activity(&mut activity);
        bounds::status(&mut status);
        bounds::links(&mut links);
        bounds::streams(&mut streams);
        let peers: BTreeSet<_> = links.iter().map(|link| &*link.peer).collect();
        self.links.retain(|peer, _| peers.contains(&**peer));
        for link in &links {
            let trail = self.links.entry(link.peer.clone()).or_default();
            trail.report(link, activity.within_us);
        }
        self.reports += 1;
        self.activity = activity;
        self.streams = streams;
        if let Some(latest) = &mut self.latest {
            (latest.status, latest.ahead_ms, latest.links) = (status, ahead_ms, links);
        }
    }

    /// The events of the past come again after a reconnect.
    pub(super) fn event(&mut self, mut event: AdminEvent) {
        bounds::event(&mut event);
        if self.events.contains(&event) {
            return;
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub(super) fn row(&self, name: &str) -> NodeRow {
        let status = self.latest.as_ref().map(|latest| latest.status.clone()).unwrap_or_default();
        let totals = if self.is_up() { rates::totals(&self.activity) } else { [0.0; 3] };
        let (reason, lost_unix_ms) = match &self.phase {
            Phase::Lost { reason, since_unix_ms } => (reason.clone(), Some(*since_unix_ms)),
            _ => (String::new(), None),
        };
        NodeRow {
            name: name.to_owned(),
            state: self.state(),
            reason,
            lost_unix_ms,
            version: status.version,
            instance: status.instance,
            up_ms: status.up_ms,
            ahead_ms: self.latest.as_ref().map_or(0, |latest| latest.ahead_ms),
            guests: status.guests,
            served_per_s: totals[0],
            failed_per_s: totals[1],
            made_per_s: totals[2],
        }
    }

    pub(super) fn stream_rows(&self, node: &str) -> impl Iterator<Item = StreamRow> {
        let row = move |stream: &StreamStatus| StreamRow {
            node: node.to_owned(),
            stream: stream.clone(),
        };
        self.streams.iter().map(row)
    }

    pub(super) fn link_rows(&self, node: &str) -> impl Iterator<Item = LinkRow> {
        let links = self.latest.as_ref().map(|latest| &*latest.links).unwrap_or_default();
        links.iter().map(move |link| {
            let trail = self.links.get(&link.peer);
            let before = trail.and_then(|trail| trail.stalls.front()).copied();
            LinkRow {
                node: node.to_owned(),
                peer: link.peer.clone(),
                kind: link.kind.clone(),
                state: link.state.clone(),
                text: link.text.clone(),
                rtt_us: link.rtt_us,
                up_ms: link.up_ms,
                in_flight_in: link.in_flight_in,
                in_flight_out: link.in_flight_out,
                queued_bytes: link.queued_bytes,
                held_bytes: link.held_bytes,
                bytes_per_s: rounded(trail.map_or(0.0, |trail| trail.bytes_per_s)),
                stalls: link.stalls,
                stalls_recent: link.stalls.saturating_sub(before.unwrap_or(link.stalls)),
            }
        })
    }
}

impl Trail {
    fn start(&mut self, link: &LinkStatus) {
        self.bytes = link.bytes_in.saturating_add(link.bytes_out);
        self.stalls.push_back(link.stalls);
    }

    fn report(&mut self, link: &LinkStatus, within_us: u64) {
        let bytes = link.bytes_in.saturating_add(link.bytes_out);
        self.bytes_per_s = per_second(bytes.saturating_sub(self.bytes), within_us);
        self.bytes = bytes;
        if self.stalls.len() > RECENT_REPORTS {
            self.stalls.pop_front();
        }
        self.stalls.push_back(link.stalls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hostile_node_sends_is_bounded() {
        let link = |number: usize| {
            let mut link = LinkStatus::default();
            link.peer = format!("http://node-{number}:{}", "9".repeat(10_000));
            link.text = "x".repeat(10_000);
            link
        };
        let mut host = Host::default();
        // Twice, so that all are compared with those before.
        for _ in 0..2 {
            let links = (0..20_000).map(link).collect();
            let (mut status, streams) = (NodeStatus::default(), Vec::new());
            status.extensions = vec!["x".repeat(10_000); 1000];
            status.refused = (0..1000).map(|number| (format!("word {number}"), number)).collect();
            let now = Now { status, ahead_ms: i64::MIN, links, streams };
            host.report(Activity::default(), now);
        }
        assert!(host.links.len() <= 1024, "{}", host.links.len());
        for number in 0..10_000 {
            let mut event = AdminEvent::default();
            event.at_unix_ms = u64::MAX - number;
            event.text = "x".repeat(10_000);
            event.method = Some("x".repeat(10_000));
            host.event(event);
        }
        host.lost("x".repeat(10_000), 0);
        assert!(host.row("a").reason.len() < 3000);
        assert_eq!(host.events.len(), EVENTS_MAX);
        assert!(host.events.iter().all(|event| event.text.len() < 3000));
        assert!(
            host.events.iter().all(|event| event.method.as_ref().is_some_and(|of| of.len() < 600))
        );
    }
}
