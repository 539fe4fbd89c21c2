//! `grid tap`.

use std::time::Duration;

use clap::Args;
use grid::admin::{TapFilter, TappedCall};
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::follow;
use crate::output::{clock_time, line, note, short};

/// Shows calls when they are over, those that the node serves and those that it makes: method, peer, outcome, time and bytes,
/// but never what they carry.
#[derive(Debug, Args)]
pub struct Tap {
    /// Only this method as Service/method, or all of this Service.
    method: Option<String>,
    /// All nodes of the grid, not only this one.
    #[arg(short, long)]
    all: bool,
    /// Only calls with this node.
    #[arg(short, long, value_name = "URL")]
    peer: Option<String>,
    /// Only calls that the node serves.
    #[arg(long, conflicts_with = "made")]
    served: bool,
    /// Only calls that the node makes.
    #[arg(long)]
    made: bool,
    /// Only calls that have failed.
    #[arg(short, long)]
    failed: bool,
    /// Only calls that took longer.
    #[arg(short, long, value_name = "TIME", value_parser = humantime::parse_duration)]
    slower_than: Option<Duration>,
    /// The share of the calls that is shown, from 0 to 1, at random.
    #[arg(long, default_value_t = 1.0, value_parser = share)]
    share: f64,
    /// At most this many calls of each node in a second, about; 0: all. Others are counted, which costs the node less.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    per_second: u32,
    /// Ends after this many calls.
    #[arg(long, value_name = "COUNT")]
    take: Option<u64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

impl Tap {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let filter = self.filter();
        let hosts = global.one_or_all(self.all).await?;
        let mut calls = follow(global, hosts, self.all, move |admin| {
            let filter = filter.clone();
            async move { admin.tap(filter).await }
        });
        let mut left = self.take.unwrap_or(u64::MAX);
        while left > 0
            && let Some(call) = calls.recv().await
        {
            let Some(call) = call.or_note(!self.all)? else { continue };
            self.show(global, &call.node, &call.item)?;
            left -= 1;
        }
        Ok(())
    }

    fn filter(&self) -> TapFilter {
        let mut filter = TapFilter::default();
        filter.method.clone_from(&self.method);
        filter.peer.clone_from(&self.peer);
        filter.is_served = (self.served || self.made).then_some(self.served);
        filter.is_failed = self.failed;
        filter.slower_than_us = self.slower_than.map_or(0, |time| time.as_micros() as u64);
        filter.share = self.share;
        filter.per_second_max = self.per_second;
        filter
    }

    fn show(&self, global: &Global, node: &str, call: &TappedCall) -> Result<(), Failure> {
        if global.json {
            return line(json!({ "node": node, "call": call }));
        }
        if call.missed > 0 {
            note(format_args!(
                "{node}: {} calls were left out here: there were too many",
                call.missed
            ));
        }
        let TappedCall { method, peer, outcome, request_bytes, answer_bytes, .. } = call;
        let of = if self.all { format!("{node} ") } else { String::new() };
        let direction = if call.is_served { "<-" } else { "->" };
        let error = call.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        line(format_args!(
            "{}  {of}{direction} {peer}  {method}  {}  {request_bytes} B, {answer_bytes} B  {outcome}{error}",
            clock_time(call.at_unix_ms),
            short(Duration::from_micros(call.took_us)),
        ))
    }
}
