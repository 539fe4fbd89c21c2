//! `grid ping`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use grid::admin::LinkStatus;
use grid::reflection::ReflectionClient;
use serde_json::{Value, json};
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

/// A node, and its links or why it has not listed them.
type Answer = (String, Result<Vec<LinkStatus>, Failure>);

/// The round trips between all pairs of nodes. A node that does not answer has the reason in its row, and decides the exit code.
async fn matrix(global: &Global) -> Result<(), Failure> {
    let asked = global.hosts().await?.into_iter().map(async |Host { name, node }| match node {
        Ok(node) => (name, administered(node.admin.links().await)),
        Err(failure) => (name, Err(failure)),
    });
    let rows = join_all(asked).await;
    match global.json {
        true => rows.iter().try_for_each(|row| line(object(row, &rows)))?,
        false => print(&rows)?,
    }
    let nodes = rows.len();
    let failures: Vec<_> = rows.into_iter().filter_map(|(_, links)| links.err()).collect();
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(Failure::Some { failed, nodes, first: Box::new(first) }),
    }
}

fn object((name, links): &Answer, all: &[Answer]) -> Value {
    let rtts = |links: &Vec<LinkStatus>| {
        let rtts = all.iter().map(|(to, _)| (to.clone(), rtt_us(links, to)));
        rtts.collect::<BTreeMap<_, _>>()
    };
    let error = links.as_ref().err().map(Failure::to_string);
    json!({ "node": name, "rtts_us": links.as_ref().ok().map(rtts), "error": error })
}

fn print(all: &[Answer]) -> Result<(), Failure> {
    let numbers: Vec<_> = (1..=all.len()).map(|number| format!("{number:>WIDTH$}")).collect();
    let heading = [String::new(), "from".to_owned(), numbers.join("  ")];
    let rows = all.iter().enumerate().map(|(number, (name, links))| {
        let cells = match links {
            Ok(links) => all.iter().map(|(to, _)| cell(name, links, to)).collect(),
            Err(failure) => vec![failure.to_string()],
        };
        [(number + 1).to_string(), name.clone(), cells.join("  ")]
    });
    table([heading].into_iter().chain(rows))
}

/// Characters of a round trip.
const WIDTH: usize = 6;

fn rtt_us(links: &[LinkStatus], to: &str) -> Option<u64> {
    links.iter().find(|link| link.peer == to && link.is_connected())?.rtt_us
}

fn cell(from: &str, links: &[LinkStatus], to: &str) -> String {
    let link = links.iter().find(|link| link.peer == to);
    let text = match link {
        _ if from == to => "-".to_owned(),
        Some(link) if !link.is_connected() => "down".to_owned(),
        Some(link) => link.rtt_us.map_or("?".to_owned(), |rtt| short(Duration::from_micros(rtt))),
        None => "none".to_owned(),
    };
    format!("{text:>WIDTH$}")
}
