//! The command line of `peer`.

use std::num::ParseIntError;
use std::time::Duration;

use clap::Parser;
use grid_examples::peer::bench::Load;

/// One of two connected nodes: it serves a few handlers, and can check and load those of the other node.
///
/// Which of the two dials follows from their names. Without `--drive` and `--bench` it serves until it is interrupted.
/// Logs go to stderr; RUST_LOG sets their level.
#[derive(Debug, Parser)]
#[command(name = "peer")]
pub(crate) struct Args {
    /// Name of this node, such as http://127.0.0.1:7001
    #[arg(long, value_name = "URL")]
    pub(crate) local: String,
    /// Name of the other node
    #[arg(long, value_name = "URL")]
    pub(crate) remote: String,
    /// Address to listen on, such as 127.0.0.1:7001
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: String,
    /// Path of the upgrade request
    #[arg(long, value_name = "P", default_value = grid::ROUTE)]
    pub(crate) route: String,
    /// Token to send and to expect
    #[arg(long, value_name = "S", default_value = "debug")]
    pub(crate) token: String,
    /// Check the other node's handlers, then exit
    #[arg(long)]
    pub(crate) drive: bool,
    /// Load the other node's echo handler for SECS with CONC requests of SIZE bytes in flight, then exit
    #[arg(long, num_args = 3, value_names = ["SECS", "CONC", "SIZE"], value_parser = number)]
    bench: Option<Vec<u32>>,
    /// How long to wait for the connection
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,
}

impl Args {
    pub(crate) fn load(&self) -> Option<Load> {
        let &[secs, tasks, bytes] = self.bench.as_deref()? else { return None };
        Some(Load {
            time: Duration::from_secs(secs.into()),
            tasks: tasks as usize,
            bytes: bytes as usize,
        })
    }
}

fn number(text: &str) -> Result<u32, ParseIntError> {
    text.parse::<std::num::NonZeroU32>().map(u32::from)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const NAMES: [&str; 7] =
        ["peer", "--local", "http://a:1", "--remote", "http://b:1", "--listen", "[::]:1"];

    #[test]
    fn what_is_not_said_has_a_default() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(NAMES).unwrap();
        assert_eq!((args.route.as_str(), args.token.as_str()), ("/minio/grid/v1", "debug"));
        assert_eq!(args.wait, Duration::from_secs(10));
        assert!(!args.drive && args.load().is_none());
    }

    #[test]
    fn durations_have_units_and_loads_three_numbers() {
        let parse = |more: &[&'static str]| Args::try_parse_from(NAMES.iter().chain(more));
        assert_eq!(parse(&["--wait", "500ms"]).unwrap().wait, Duration::from_millis(500));
        assert!(parse(&["--wait", "500"]).is_err());
        let load = parse(&["--bench", "3", "64", "512"]).unwrap().load().unwrap();
        assert_eq!((load.time, load.tasks, load.bytes), (Duration::from_secs(3), 64, 512));
        for wrong in [["--bench", "3", "64"].as_slice(), &["--bench", "3", "0", "512"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
