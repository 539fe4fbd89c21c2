//! At the end all members have the same.

use std::time::Duration;

use grid_kv::client::Client;
use grid_kv::service::{Consistency, Entry, ScanRequest};
use tokio::time::{Instant, sleep};

use crate::fleet::Fleet;
use crate::site;

/// How often it is looked whether a node has all writes.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until all nodes have applied what the leader has, and compares all that they have. Nobody writes meanwhile.
pub(crate) async fn check(
    fleet: &Fleet,
    operator: &Client,
    patience: Duration,
) -> Result<(), String> {
    let latest = operator.clone().with_timeout(patience).revision().await;
    let latest = latest.map_err(|error| format!("the latest revision cannot be read: {error}"))?;
    let mut first: Option<(String, Vec<Entry>)> = None;
    for name in fleet.nodes().into_iter().map(site::name) {
        reach(operator, &name, latest, patience).await?;
        let entries = scan(fleet, &name).await?;
        match &first {
            None => first = Some((name, entries)),
            Some((other, expected)) if *expected != entries => {
                let (one, two) = (expected.len(), entries.len());
                return Err(format!("{other} has {one} keys, {name} has {two}, and not the same"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn reach(operator: &Client, name: &str, latest: u64, within: Duration) -> Result<(), String> {
    let began = Instant::now();
    let mut last = String::new();
    while began.elapsed() < within {
        match operator.status(name).await {
            Ok(status) if status.revision == latest => return Ok(()),
            Ok(status) => last = format!("it is at revision {} of {latest}", status.revision),
            Err(error) => last = error.to_string(),
        }
        sleep(LOOK).await;
    }
    Err(format!("{name} does not have all writes {within:?} after the end: {last}"))
}

/// All that one node has.
async fn scan(fleet: &Fleet, name: &str) -> Result<Vec<Entry>, String> {
    let request = ScanRequest { consistency: Consistency::Stale, ..ScanRequest::default() };
    let client = fleet.only(name);
    let (mut scan, mut entries) = (client.scan(request), Vec::new());
    loop {
        match scan.next().await {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => return Ok(entries),
            Err(error) => return Err(format!("{name} cannot be read: {error}")),
        }
    }
}
