//! [`findings`]: what is wrong with a grid.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use grid::reflection::{Breaks, Change, ServiceDescription, compare};
use serde::Serialize;

use crate::grouped::usual_first;
use crate::output::short;
use crate::snapshot::{NodeReport, Snapshot};

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) node: String,
    /// One word for it.
    pub(crate) what: String,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Somebody should look at it.
    Warning,
    /// Calls fail, or will.
    Critical,
}

impl Severity {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    pub(crate) fn verdict(self) -> &'static str {
        match self {
            Self::Warning => "somebody should look at it",
            Self::Critical => "calls fail, or will",
        }
    }
}

/// From when on something is wrong.
pub(crate) struct Limits {
    pub(crate) clocks: Duration,
    pub(crate) warnings: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clocks: Duration::from_secs(1), warnings: Duration::from_secs(600) }
    }
}

/// All that is wrong.
pub(crate) fn findings(snapshot: &Snapshot, limits: &Limits) -> Vec<Finding> {
    let mut found = Found::default();
    found.unreached(snapshot);
    for (node, report) in snapshot.reached() {
        found.unlisted(node, report);
        found.links(node, report);
        found.warnings(node, report, limits.warnings);
    }
    found.hosts(snapshot);
    found.versions(snapshot);
    found.extensions(snapshot);
    found.clocks(snapshot, limits.clocks);
    found.services(snapshot);
    found.0
}

#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, severity: Severity, node: &str, what: &str, text: String) {
        let (node, what) = (node.to_owned(), what.to_owned());
        self.0.push(Finding { severity, node, what, text });
    }

    fn unreached(&mut self, snapshot: &Snapshot) {
        for (node, report) in &snapshot.hosts {
            if let Err(failure) = report {
                self.add(Severity::Critical, node, "unreachable", failure.to_string());
            }
        }
    }

    fn unlisted(&mut self, node: &str, report: &NodeReport) {
        if let Some(reason) = &report.services_unknown {
            let text = format!("its services were not compared: {reason}");
            self.add(Severity::Warning, node, "services_unknown", text);
        }
    }

    fn links(&mut self, node: &str, report: &NodeReport) {
        let links = report.links.iter().filter(|link| link.kind == "node");
        for link in links.filter(|link| !link.is_connected()) {
            let text = format!("the link to {}: {}", link.peer, link.text);
            match &*link.state {
                // As when a node is restarted as planned.
                "draining" => self.add(Severity::Warning, node, "link_draining", text),
                _ => self.add(Severity::Critical, node, "link_down", text),
            }
        }
    }

    fn warnings(&mut self, node: &str, report: &NodeReport, within: Duration) {
        let since = report.status.clock_unix_ms.saturating_sub(within.as_millis() as u64);
        let recent =
            report.events.iter().filter(|event| event.is_warning && event.at_unix_ms >= since);
        // One that is repeated is reported once, with its latest text.
        let latest: BTreeMap<_, _> =
            recent.map(|event| ((&event.kind, &event.method, &event.peer), event)).collect();
        for ((kind, ..), event) in latest {
            self.add(Severity::Warning, node, kind, event.text.clone());
        }
    }

    fn hosts(&mut self, snapshot: &Snapshot) {
        for (node, own, other, others) in unusual(snapshot, |report| set(&report.status.hosts)) {
            let only = |these: &BTreeSet<&str>, those| {
                these.difference(those).copied().collect::<Vec<_>>().join(", ")
            };
            let text = match (only(&own, &others), only(&others, &own)) {
                (more, less) if less.is_empty() => {
                    format!("has {more} in its host list, unlike {other}")
                }
                (more, less) if more.is_empty() => {
                    format!("does not have {less} in its host list, unlike {other}")
                }
                (more, less) => {
                    format!("has {more} instead of {less} in its host list, unlike {other}")
                }
            };
            self.add(Severity::Critical, node, "hosts_differ", text);
        }
    }

    fn versions(&mut self, snapshot: &Snapshot) {
        for (node, own, other, others) in unusual(snapshot, |report| &report.status.version) {
            let text = format!("runs version {own} of the library, and {other} version {others}");
            self.add(Severity::Warning, node, "version_differs", text);
        }
    }

    fn extensions(&mut self, snapshot: &Snapshot) {
        for (node, own, other, others) in unusual(snapshot, |report| set(&report.status.extensions))
        {
            let text =
                format!("offers the extensions {}; {other} offers {}", list(&own), list(&others));
            self.add(Severity::Warning, node, "extensions_differ", text);
        }
    }

    /// Clocks are compared with the one in the middle.
    fn clocks(&mut self, snapshot: &Snapshot, max: Duration) {
        let mut all: Vec<_> =
            snapshot.reached().map(|(node, report)| (report.ahead_ms, node)).collect();
        all.sort_unstable();
        let Some(&(middle, _)) = all.get(all.len().saturating_sub(1) / 2) else { return };
        for (ahead, node) in all {
            let apart = Duration::from_millis(ahead.abs_diff(middle));
            if apart > max {
                let direction = if ahead > middle { "ahead of" } else { "behind" };
                let text = format!("its clock is {} {direction} most others", short(apart));
                self.add(Severity::Warning, node, "clocks_differ", text);
            }
        }
    }

    /// Compares each service of a node with the version of it that most nodes have.
    fn services(&mut self, snapshot: &Snapshot) {
        let mut known: BTreeMap<_, Vec<(&str, &ServiceDescription)>> = BTreeMap::new();
        for (node, report) in snapshot.reached() {
            for service in &report.services {
                let name = (&*service.name, service.subroute.as_deref());
                known.entry(name).or_default().push((node, service));
            }
        }
        for all in known.into_values() {
            let versions = usual_first(all);
            let Some((usual, others)) = versions.split_first() else { continue };
            let Some(example) = usual.nodes.first() else { continue };
            for other in others {
                for change in compare(usual.of, other.of) {
                    let (severity, text) = judged(&change, example);
                    for node in &other.nodes {
                        self.add(severity, node, "service_differs", text.clone());
                    }
                }
            }
        }
    }
}

/// How much a change matters, and what it is. `other` has the old version.
fn judged(change: &Change, other: &str) -> (Severity, String) {
    let Change { path, what, row, .. } = change;
    let fails = match change.breaks {
        Breaks::Nothing => {
            let text = format!("{path}: {what}; compared with {other}; compatible: {row}");
            return (Severity::Warning, text);
        }
        Breaks::OldCallers => format!("calls of {other} fail here"),
        Breaks::NewCallers => format!("calls to {other} fail"),
        _ => format!("calls between it and {other} fail"),
    };
    (Severity::Critical, format!("{path}: {what}; {fails}: {row}"))
}

fn set(all: &[String]) -> BTreeSet<&str> {
    all.iter().map(|one| &**one).collect()
}

fn list(all: &BTreeSet<&str>) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The nodes that differ from most others: with what each has, the first node of the others, and what that has.
fn unusual<'a, T: PartialEq + Clone>(
    snapshot: &'a Snapshot,
    what: impl Fn(&'a NodeReport) -> T,
) -> Vec<(&'a str, T, &'a str, T)> {
    let groups = usual_first(snapshot.reached().map(|(node, report)| (node, what(report))));
    let Some((usual, others)) = groups.split_first() else { return Vec::new() };
    let Some(example) = usual.nodes.first() else { return Vec::new() };
    let row = |node, of: &T| (node, of.clone(), *example, usual.of.clone());
    let mut rows: Vec<_> = others
        .iter()
        .flat_map(|group| group.nodes.iter().map(move |node| row(*node, &group.of)))
        .collect();
    rows.sort_by_key(|(node, ..)| *node);
    rows
}

#[cfg(test)]
mod tests;
