//! [`Snapshot`]: what all nodes report at one time.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use grid::admin::{AdminEvent, LinkStatus, NodeStatus};
use grid::reflection::ServiceDescription;
use tokio::time::Instant;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{Host, Node, administered};
use crate::progress::Progress;

/// Events of the past that are read of each node.
const EVENTS: u32 = 256;

/// What all nodes of a grid report.
pub(crate) struct Snapshot {
    /// In the order of their names.
    pub(crate) hosts: Vec<(String, Result<NodeReport, Failure>)>,
}

/// Services of one node that are looked at.
const SERVICES_MAX: usize = 256;

/// Bytes of the descriptions of all services of a node, schemas included. Those of a large service are some 100 KB.
const SERVICES_BYTES_MAX: usize = 8 << 20;

/// The same of all nodes together: of 200 nodes, each may have some 640 KiB.
const SERVICES_BYTES_SUM_MAX: usize = 128 << 20;

/// What one node reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeReport {
    pub(crate) status: NodeStatus,
    /// How far the clock of the node is ahead of the clock here, in milliseconds. As exact as half a round trip.
    pub(crate) ahead_ms: i64,
    pub(crate) links: Vec<LinkStatus>,
    /// Those of the application, with their schemas.
    pub(crate) services: Vec<ServiceDescription>,
    /// Why it does not list them, if it does not.
    pub(crate) services_unknown: Option<String>,
    pub(crate) events: Vec<AdminEvent>,
}

impl Snapshot {
    pub(crate) async fn take(global: &Global) -> Result<Self, Failure> {
        let mut progress = Progress::new(global);
        progress.show("connecting to the nodes");
        let hosts = global.hosts().await?;
        let nodes = hosts.len();
        let asked: FuturesUnordered<_> =
            hosts.into_iter().map(|host| report(host, nodes)).collect();
        let mut reports = asked.enumerate();
        let mut hosts = Vec::with_capacity(nodes);
        while let Some((before, report)) = reports.next().await {
            progress.show(format_args!("{} of {nodes} nodes have reported", before + 1));
            hosts.push(report);
        }
        hosts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self { hosts })
    }

    /// The nodes that have answered.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (&str, &NodeReport)> + Clone {
        self.hosts.iter().filter_map(|(name, report)| Some((&**name, report.as_ref().ok()?)))
    }
}

async fn report(host: Host, nodes: usize) -> (String, Result<NodeReport, Failure>) {
    let report = match host.node {
        Ok(node) => NodeReport::by(&node, nodes).await,
        Err(failure) => Err(failure),
    };
    (host.name, report)
}

impl NodeReport {
    /// Asks a node, one of this many.
    pub(crate) async fn by(node: &Node, nodes: usize) -> Result<Self, Failure> {
        let (status, ahead_ms) = status(node).await?;
        let (services, services_unknown) = match services(node, nodes).await {
            Ok(services) => (services, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(Self {
            status,
            ahead_ms,
            links: administered(node.admin.links().await)?,
            services,
            services_unknown,
            events: administered(node.admin.recent_events(EVENTS).await)?,
        })
    }
}

/// The node itself, and how far its clock is ahead of the clock here, in milliseconds.
pub(crate) async fn status(node: &Node) -> Result<(NodeStatus, i64), Failure> {
    let began = Instant::now();
    let status = administered(node.admin.node().await)?;
    let ahead_ms = ahead_ms(status.clock_unix_ms, began.elapsed());
    Ok((status, ahead_ms))
}

fn ahead_ms(clock_unix_ms: u64, round_trip: Duration) -> i64 {
    let here = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let here = here.saturating_sub(round_trip / 2).as_millis();
    i64::try_from(clock_unix_ms).unwrap_or(i64::MAX).saturating_sub_unsigned(here as u64)
}

/// All services of the application.
async fn services(node: &Node, nodes: usize) -> Result<Vec<ServiceDescription>, Failure> {
    let listed = node.reflection.services().await?;
    let mut names: Vec<_> = listed.into_iter().map(|service| service.name).collect();
    names.retain(|name| !name.starts_with("grid."));
    names.sort();
    names.dedup();
    names.truncate(SERVICES_MAX);
    let mut read = Read::of_one_of(nodes);
    for name in names {
        read.add(node.reflection.describe(name).await?)?;
    }
    Ok(read.services)
}

/// The descriptions that were read of a node.
struct Read {
    services: Vec<ServiceDescription>,
    bytes: usize,
    bytes_max: usize,
}

impl Read {
    /// Of one node of this many.
    fn of_one_of(nodes: usize) -> Self {
        let bytes_max = SERVICES_BYTES_MAX.min(SERVICES_BYTES_SUM_MAX / nodes.max(1));
        Self { services: Vec::new(), bytes: 0, bytes_max }
    }

    /// Fails when there are too many bytes: a single answer may have 16 MiB, and each service is another one.
    fn add(&mut self, described: Vec<ServiceDescription>) -> Result<(), Failure> {
        self.bytes += described.iter().map(bytes_of).sum::<usize>();
        if self.bytes > self.bytes_max {
            let text = format!("it describes services in more than {} bytes", self.bytes_max);
            return Err(Failure::Unknown(text));
        }
        self.services.extend(described);
        Ok(())
    }
}

/// About as many as it is in memory: schemas are texts.
fn bytes_of(service: &ServiceDescription) -> usize {
    serde_json::to_string(service).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_of_a_node_are_bounded_together() {
        let service = || {
            let of =
                serde_json::json!({ "name": "Store", "docs": "x".repeat(1 << 20), "methods": [] });
            serde_json::from_value(of).expect("a service")
        };
        let mut read = Read::of_one_of(16);
        for _ in 0..7 {
            read.add(vec![service()]).expect("there is room");
        }
        let refused = read.add(vec![service()]).expect_err("8 MiB and their names").to_string();
        assert!(refused.contains("more than 8388608 bytes"), "{refused}");
        assert_eq!(read.services.len(), 7);
        let refused =
            Read::of_one_of(200).add(vec![service()]).expect_err("all together").to_string();
        assert!(refused.contains("more than 671088 bytes"), "{refused}");
    }
}
