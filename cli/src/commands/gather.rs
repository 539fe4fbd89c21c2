//! `grid gather`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, Header};

use super::check::findings::{Limits, findings};
use crate::connect::Global;
use crate::failure::Failure;
use crate::output::line;
use crate::secrets::without;
use crate::snapshot::{NodeReport, Snapshot};

/// Collects what a report of a fault needs in one archive: state, links, events and services of all nodes, and what `grid check`
/// finds.
///
/// It has no payloads. Secrets that this command was given are removed from all texts. Names of nodes, methods and guests, and
/// texts of errors, stay: look into the archive before you give it to others.
#[derive(Debug, Args)]
pub struct Gather {
    /// The archive.
    #[arg(default_value = "grid-report.tar.gz")]
    archive: PathBuf,
}

impl Gather {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let snapshot = Snapshot::take(global).await?;
        let secrets = global.secrets()?;
        let mut files = vec![("check.json".to_owned(), check(&snapshot))];
        for (number, (name, report)) in snapshot.hosts.iter().enumerate() {
            files.extend(of_node(&format!("node{}", number + 1), name, report));
        }
        let written = archive(&self.archive, &files, &secrets);
        written.map_err(|error| {
            Failure::Usage(format!("cannot write {}: {error}", self.archive.display()))
        })?;
        let (nodes, reached) = (snapshot.hosts.len(), snapshot.reached().count());
        line(match global.json {
            true => {
                json!({ "archive": self.archive, "nodes": nodes, "reached": reached }).to_string()
            }
            false => format!("{reached} of {nodes} nodes are in {}", self.archive.display()),
        })
    }
}

fn check(snapshot: &Snapshot) -> Value {
    let found = findings(snapshot, &Limits::default());
    let found: Vec<_> = found.iter().map(|finding| json!(finding)).collect();
    json!({ "command": env!("CARGO_PKG_VERSION"), "findings": found })
}

/// The files of one node.
fn of_node(folder: &str, name: &str, report: &Result<NodeReport, Failure>) -> Vec<(String, Value)> {
    let file = |name: &str, value: Value| (format!("{folder}/{name}.json"), value);
    match report {
        Ok(report) => vec![
            file("node", json!({ "status": report.status, "clock_ahead_ms": report.ahead_ms })),
            file("links", json!(report.links)),
            file("events", json!(report.events)),
            file("services", json!(report.services)),
        ],
        Err(failure) => vec![file("node", json!({ "name": name, "error": failure.to_string() }))],
    }
}

/// Writes the files, without the secrets.
fn archive(path: &PathBuf, files: &[(String, Value)], secrets: &[String]) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut archive = Builder::new(GzEncoder::new(File::create(path)?, Compression::default()));
    for (name, value) in files {
        let text = serde_json::to_string_pretty(&without(value.clone(), secrets))? + "\n";
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(now.as_secs());
        archive.append_data(&mut header, format!("grid-report/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.flush()
}
