//! `grid ping`.

use std::time::Duration;

use clap::Args;
use grid::reflection::ReflectionClient;
use serde_json::json;
use tokio::time::Instant;

use crate::connect::Global;
use crate::failure::Failure;
use crate::output::line;

/// Measures the round trip to the node.
#[derive(Debug, Args)]
pub struct Ping {
    /// How often.
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Time between two of them.
    #[arg(short, long, default_value = "200ms", value_parser = humantime::parse_duration)]
    interval: Duration,
}

impl Ping {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
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
                    shown(took)
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
        let [least, median, most] = [least, median, most].map(shown);
        line(format_args!("{} calls: least {least}, median {median}, most {most}", self.count))
    }
}

fn shown(time: Duration) -> String {
    humantime::format_duration(Duration::from_micros(time.as_micros() as u64)).to_string()
}
