//! How many requests of the echo handler a connection answers, and how soon.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use grid::Connection;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::handlers::ECHO;

/// Time before the measurement, in which both ends fill their caches and buffers.
const WARM_UP: Duration = Duration::from_millis(300);

/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a connection is put under.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How long.
    pub time: Duration,
    /// Requests in flight.
    pub tasks: usize,
    /// Bytes of each request, and of its answer.
    pub bytes: usize,
}

/// What was measured. Displayed, it is one line.
#[derive(Debug, Clone)]
pub struct Report {
    load: Load,
    elapsed: Duration,
    nanos: Histogram<u64>,
}

/// Loads a connection and measures.
///
/// # Errors
/// The first request that fails ends it.
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

/// Asks again and again; requests that begin between `start` and `end` count.
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
            return Err("the answer is not as long as the request".into());
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
