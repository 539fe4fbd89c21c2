//! [`Board`]: what the nodes have reported last, and the state that follows from it every second.
//!
//! The tasks in collect.rs write to it; the server reads states, nodes and services.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grid::admin::{Activity, AdminEvent};

use super::bounds::STREAMS_MAX;
use super::host::{Host, Now, Phase};
use super::rates;
use super::services::{self, ServiceRow};
use super::state::{EventRow, FindingRow, Source, State, unix_ms};
use super::trends::Trends;
use crate::commands::check::findings::{Limits, findings};
use crate::commands::streams::urgency;
use crate::failure::Failure;
use crate::nodes::Node;
use crate::snapshot::{NodeReport, Snapshot};

/// Events of all nodes that the page shows.
const EVENTS_MAX: usize = 200;

/// Rows of who calls what, of all nodes: at 150 bytes each, 300 KB of a state.
const CALLS_MAX: usize = 2000;

/// What the nodes have reported.
pub(super) struct Board {
    entry: String,
    allows_calls: bool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    hosts: BTreeMap<String, Host>,
    trends: Trends,
    findings: Vec<FindingRow>,
}

impl Board {
    pub(super) fn new(entry: String, allows_calls: bool) -> Self {
        Self { entry, allows_calls, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the set of nodes that are shown. Returns the new ones.
    pub(super) fn set_hosts(&self, hosts: &[String]) -> Vec<String> {
        let mut known = self.known();
        known.hosts.retain(|name, _| hosts.contains(name));
        let new: Vec<_> =
            hosts.iter().filter(|name| !known.hosts.contains_key(*name)).cloned().collect();
        for name in &new {
            known.hosts.insert(name.clone(), Host::default());
        }
        new
    }

    /// Nodes that are shown.
    pub(super) fn size(&self) -> usize {
        self.known().hosts.len()
    }

    /// The host lists of all nodes that are up, together.
    pub(super) fn listed(&self) -> Vec<String> {
        let known = self.known();
        let reports = known.hosts.values().filter(|host| host.is_up()).filter_map(Host::latest);
        let mut all: Vec<_> =
            reports.flat_map(|report| report.status.hosts.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    pub(super) fn reached(&self, host: &str, node: Arc<Node>, report: NodeReport) {
        self.with(host, |known| known.reached(node, report));
    }

    pub(super) fn lost(&self, host: &str, reason: String) {
        self.with(host, |known| known.lost(reason, unix_ms()));
    }

    pub(super) fn report(&self, host: &str, activity: Activity, now: Now) {
        self.with(host, |known| known.report(activity, now));
    }

    pub(super) fn event(&self, host: &str, event: AdminEvent) {
        self.with(host, |known| known.event(event));
    }

    /// A node that was removed in the meantime is not shown again.
    fn with(&self, host: &str, change: impl FnOnce(&mut Host)) {
        if let Some(host) = self.known().hosts.get_mut(host) {
            change(host);
        }
    }

    /// Whether each node has been counted for an interval, or cannot be reached.
    pub(super) fn is_complete(&self) -> bool {
        let known = self.known();
        !known.hosts.is_empty() && known.hosts.values().all(Host::is_settled)
    }

    /// The nodes that are up.
    pub(super) fn nodes(&self) -> Vec<Arc<Node>> {
        self.known().hosts.values().filter_map(Host::node).collect()
    }

    pub(super) fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.known().hosts.get(name).and_then(Host::node)
    }

    /// Also those of lost nodes, so that a form that is being filled in stays.
    pub(super) fn services(&self) -> Vec<ServiceRow> {
        let known = self.known();
        let reports = known.hosts.iter().filter_map(|(name, host)| Some((&**name, host.latest()?)));
        services::rows(
            reports.flat_map(|(name, report)| report.services.iter().map(move |of| (name, of))),
        )
    }

    /// Looks for what is wrong, which takes too long to be done under the lock.
    pub(super) fn look_for_findings(&self) {
        let report = |host: &Host| match &host.phase {
            Phase::Up(_) => host.snapshot().map(Ok),
            Phase::Lost { reason, .. } => Some(Err(Failure::Unknown(reason.clone()))),
            Phase::Connecting => None,
        };
        let known = self.known();
        let hosts =
            known.hosts.iter().filter_map(|(name, host)| Some((name.clone(), report(host)?)));
        let snapshot = Snapshot { hosts: hosts.collect() };
        drop(known);
        let mut found = findings(&snapshot, &Limits::default());
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let rows = found.into_iter().map(|finding| FindingRow {
            severity: finding.severity.word().to_owned(),
            node: finding.node,
            what: finding.what,
            text: finding.text,
        });
        self.known().findings = rows.collect();
    }

    /// The state at the end of a second.
    pub(super) fn tick(&self) -> State {
        let mut known = self.known();
        let Known { hosts, trends, findings } = &mut *known;
        let up = || hosts.iter().filter(|(_, host)| host.is_up());
        let mut calls: Vec<_> =
            up().flat_map(|(name, host)| rates::calls(name, &host.activity)).collect();
        let calls_left_out = calls.len().saturating_sub(CALLS_MAX);
        if calls_left_out > 0 {
            calls.sort_by(|one, other| other.calls_per_s.total_cmp(&one.calls_per_s));
            calls.truncate(CALLS_MAX);
        }
        let mut events: Vec<_> = hosts
            .iter()
            .flat_map(|(node, host)| {
                host.events
                    .iter()
                    .map(|event| EventRow { node: node.clone(), event: event.clone() })
            })
            .collect();
        events.sort_by_key(|row| row.event.at_unix_ms);
        events.drain(..events.len().saturating_sub(EVENTS_MAX));
        let mut streams: Vec<_> = up().flat_map(|(name, host)| host.stream_rows(name)).collect();
        streams.sort_by_key(|row| urgency(&row.stream));
        streams.truncate(STREAMS_MAX);
        State {
            source: Source::Live,
            entry: self.entry.clone(),
            at_unix_ms: unix_ms(),
            allows_calls: self.allows_calls,
            nodes: hosts.iter().map(|(name, host)| host.row(name)).collect(),
            links: up().flat_map(|(name, host)| host.link_rows(name)).collect(),
            streams,
            methods: trends.tick(rates::methods(up().map(|(_, host)| &host.activity))),
            calls,
            calls_left_out,
            events,
            findings: findings.clone(),
        }
    }
}
