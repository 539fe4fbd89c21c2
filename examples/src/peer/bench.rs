//! Measures throughput and latency of requests to the echo handler.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use grid::Connection;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::handlers::ECHO;

/// Warm-up before the measurement.
const WARM_UP: Duration = Duration::from_millis(300);

/// Significant digits of a latency in the histogram.
const DIGITS: u8 = 3;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The load on a connection.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Duration of the measurement.
    pub time: Duration,
    /// Number of requests in flight.
    pub tasks: usize,
    /// Bytes of each request and of its answer.
    pub bytes: usize,
}

/// The result of a measurement. Its `Display` is one line.
#[derive(Debug, Clone)]
pub struct Report {
    load: Load,
    elapsed: Duration,
    nanos: Histogram<u64>,
}

/// Puts a connection under load and measures it.
///
/// # Errors
/// Fails with the error of the first request that fails.
pub async fn run(connection: &Connection, load: Load) -> Result<Report, Error> {
    let start = Instant::now() + WARM_UP;
    let mut tasks = JoinSet::new();
    for _ in 0..load.tasks {
        tasks.spawn(one_by_one(connection.clone(), load.bytes, start, start + load.time));
    }
    let mut nanos = Histogram::new(DIGITS)?;
    while let Some(measured) = tasks.join_next().await {
        nanos.add(measured??)?;
    }
    Ok(Report { load, elapsed: start.elapsed(), nanos })
}

/// Sends requests one after the other. Those that begin between `start` and `end` count.
async fn one_by_one(
    connection: Connection,
    bytes: usize,
    start: Instant,
    end: Instant,
) -> Result<Histogram<u64>, Error> {
    let mut nanos = Histogram::new(DIGITS)?;
    let payload = Bytes::from(vec![b'x'; bytes]);
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(nanos);
        }
        let answer = connection.request(ECHO, Some(payload.clone())).await?;
        if answer.is_none_or(|answer| answer.len() != bytes) {
            return Err("the answer and the request differ in length".into());
        }
        if asked >= start {
            nanos.record(u64::try_from(asked.elapsed().as_nanos())?)?;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { tasks, bytes, .. } = self.load;
        let rate = self.nanos.len() as f64 / self.elapsed.as_secs_f64();
        write!(f, "{tasks} in flight, {bytes} bytes: {rate:.0} req/s")?;
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            let latency = Duration::from_nanos(self.nanos.value_at_quantile(quantile));
            write!(f, ", {name} {latency:.1?}")?;
        }
        write!(f, ", max {:.1?}", Duration::from_nanos(self.nanos.max()))
    }
}
