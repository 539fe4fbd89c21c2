//! `grid links`.

use std::time::Duration;

use clap::Args;
use grid::admin::LinkStatus;
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::administered;
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
        for node in global.nodes(self.all).await? {
            for link in administered(node.admin.links().await)? {
                match global.json {
                    true => line(json!({ "node": &*node.name, "link": link }))?,
                    false => rows.push(row(&node.name, &link)),
                }
            }
        }
        if global.json { Ok(()) } else { table(rows) }
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
