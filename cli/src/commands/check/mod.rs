//! `grid check`: looks for what is wrong with a grid.

pub(crate) mod findings;

use std::time::Duration;

use clap::Args;
use serde_json::json;

use self::findings::{Finding, Limits, Severity, findings};
use crate::connect::Global;
use crate::failure::Failure;
use crate::output::line;
use crate::snapshot::Snapshot;

/// Looks for what is wrong with the grid: nodes that cannot be reached, links that are down, and whatever differs between nodes:
/// host lists, services, extensions, versions, clocks.
///
/// Exit code 0: nothing is wrong; 1: warnings; 2: calls fail or will fail; 3: nothing is known, because the node cannot be asked.
/// Wrong options end it with 2 as well.
#[derive(Debug, Args)]
pub struct Check {
    /// How far the clocks of two nodes may be apart.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = humantime::parse_duration)]
    clocks: Duration,
    /// Reports warnings that nodes have given within this time.
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = humantime::parse_duration)]
    warnings: Duration,
}

impl Check {
    /// An error, whatever it is, means that there is no verdict.
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let snapshot = Snapshot::take(global).await;
        let snapshot = snapshot.map_err(|failure| Failure::NoVerdict(failure.to_string()))?;
        let limits = Limits { clocks: self.clocks, warnings: self.warnings };
        let mut findings = findings(&snapshot, &limits);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let worst = findings.iter().map(|finding| finding.severity).max();
        let printed = print(&snapshot, &findings, worst, global.json);
        // A reader that has seen enough does not change the verdict.
        match worst {
            Some(worst) => Err(Failure::Check { is_critical: worst == Severity::Critical }),
            None => printed,
        }
    }
}

fn print(
    snapshot: &Snapshot,
    findings: &[Finding],
    worst: Option<Severity>,
    is_json: bool,
) -> Result<(), Failure> {
    for finding in findings {
        let Finding { severity, node, what, text } = finding;
        match is_json {
            true => line(json!(finding))?,
            false => line(format_args!("{}: {node}: {text} ({what})", severity.word()))?,
        }
    }
    let (nodes, reached) = (snapshot.hosts.len(), snapshot.reached().count());
    if is_json {
        let verdict = worst.map_or("well", Severity::word);
        return line(json!({ "nodes": nodes, "reached": reached, "verdict": verdict }));
    }
    let verdict = worst.map_or("all is well", Severity::verdict);
    line(format_args!("{reached} of {nodes} nodes reached: {verdict}"))
}
