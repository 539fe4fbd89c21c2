//! `grid ping`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use grid::admin::LinkStatus;
use grid::reflection::ReflectionClient;
use serde_json::json;
use tokio::time::Instant;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{Host, administered};
use crate::output::{line, short, table};

/// Measures the round trip to the node, or shows those between all nodes.
#[derive(Debug, Args)]
pub struct Ping {
    /// How often.
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two of them.
    #[arg(short, long, default_value = "200ms", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// The round trips between all pairs of nodes, as these have measured them last, instead of that to this node.
    #[arg(short, long, conflicts_with_all = ["count", "interval"])]
    all: bool,
}

impl Ping {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        if self.all { matrix(global).await } else { self.one(global).await }
    }

    async fn one(self, global: &Global) -> Result<(), Failure> {
        let guest = global.connect().await?;
        let client = ReflectionClient::new(guest.connection());
        let mut times = Vec::new();
        for number in 0..self.count {
            if number > 0 {
                tokio::time::sleep(self.interval).await;
            }
            let began = Instant::now();
            let node = client.node().await?;
            let took = began.elapsed();
            if !global.json {
                let version = node.version;
                line(format_args!(
                    "{} answers after {} (version {version})",
                    node.name,
                    short(took)
                ))?;
            }
            times.push(took);
        }
        times.sort();
        let [least, median, most] = [0, times.len() / 2, times.len() - 1].map(|at| times[at]);
        if global.json {
            let micros = |time: Duration| time.as_micros() as u64;
            return line(json!({
                "node": guest.connection().peer(), "count": self.count,
                "min_us": micros(least), "median_us": micros(median), "max_us": micros(most),
            }));
        }
        let [least, median, most] = [least, median, most].map(short);
        line(format_args!("{} calls: least {least}, median {median}, most {most}", self.count))
    }
}

/// The round trips between all pairs of nodes.
async fn matrix(global: &Global) -> Result<(), Failure> {
    let hosts = global.hosts().await?;
    let mut rows = vec![];
    for (number, host) in hosts.iter().enumerate() {
        let links = match &host.node {
            Ok(node) => {
                administered(node.admin.links().await).map_err(|failure| failure.to_string())
            }
            Err(failure) => Err(failure.to_string()),
        };
        let cells = links
            .as_deref()
            .map(|links| hosts.iter().map(|to| cell(&host.name, links, to)).collect());
        if global.json {
            let rtts = links.as_deref().map(|links| {
                hosts
                    .iter()
                    .map(|to| (&to.name, rtt_us(links, &to.name)))
                    .collect::<BTreeMap<_, _>>()
            });
            line(json!({ "node": host.name, "rtts_us": rtts.as_ref().ok(), "error": rtts.err() }))?;
            continue;
        }
        let cells: Vec<_> = cells.unwrap_or_else(|error| vec![error.clone()]);
        rows.push([format!("{}", number + 1), host.name.clone(), cells.join("  ")]);
    }
    if global.json {
        return Ok(());
    }
    let numbers: Vec<_> = (1..=hosts.len()).map(|number| format!("{number:>WIDTH$}")).collect();
    let heading = [String::new(), "from".to_owned(), numbers.join("  ")];
    table([heading].into_iter().chain(rows))
}

/// Characters of a round trip.
const WIDTH: usize = 6;

fn rtt_us(links: &[LinkStatus], to: &str) -> Option<u64> {
    links.iter().find(|link| link.peer == to && link.is_connected())?.rtt_us
}

fn cell(from: &str, links: &[LinkStatus], to: &Host) -> String {
    let link = links.iter().find(|link| link.peer == to.name);
    let text = match link {
        _ if from == to.name => "-".to_owned(),
        Some(link) if !link.is_connected() => "down".to_owned(),
        Some(link) => link.rtt_us.map_or("?".to_owned(), |rtt| short(Duration::from_micros(rtt))),
        None => "none".to_owned(),
    };
    format!("{text:>WIDTH$}")
}
