//! `grid links`.

use std::time::Duration;

use clap::Args;
use grid::admin::LinkStatus;
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::From;
use crate::output::{line, short, table};

/// Lists the links of the node: states, round trips and traffic.
#[derive(Debug, Args)]
pub struct Links {
    /// All nodes of the grid, not only this one.
    #[arg(short, long)]
    all: bool,
}

impl Links {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        let asked = global.ask(self.all, |admin| async move { admin.links().await }).await?;
        for From { node, item: links } in &asked.answers {
            for link in links {
                match global.json {
                    true => line(json!({ "node": &**node, "link": link }))?,
                    false => rows.push(row(node, link)),
                }
            }
        }
        if !global.json {
            table(rows)?;
        }
        asked.end
    }
}

const HEADINGS: [&str; 9] =
    ["node", "peer", "rtt", "up for", "calls in", "calls out", "in flight", "queued", "state"];

fn row(node: &str, link: &LinkStatus) -> [String; 9] {
    let up = link.up_ms.map(|up| short(Duration::from_millis(up)));
    [
        node.to_owned(),
        if link.kind == "self" { "itself".to_owned() } else { link.peer.clone() },
        link.rtt_us.map(|rtt| short(Duration::from_micros(rtt))).unwrap_or_default(),
        up.unwrap_or_default(),
        link.calls_in.to_string(),
        link.calls_out.to_string(),
        (link.in_flight_in + link.in_flight_out).to_string(),
        format!("{} B", link.queued_bytes),
        link.text.clone(),
    ]
}
