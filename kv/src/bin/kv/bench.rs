//! `kv bench`: measures writes and reads of many clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use grid_kv::client::Client;
use grid_kv::service::Consistency;
use hdrhistogram::Histogram;
use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::{Role, Target};
use crate::exit::Failure;
use crate::output::line;
use crate::progress::Progress;

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(200);

/// Longer durations count as this one, in microseconds: five minutes, which is more than a request may take.
const MICROS_MAX: u64 = 300_000_000;

/// Keys that are written and read.
const KEYS: u32 = 10_000;

/// Measures writes and reads. It writes keys that begin with `bench/`, and leaves them there.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    target: Target,
    /// Requests that run at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    clients: usize,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Bytes of each value
    #[arg(long, value_name = "N", default_value_t = 256)]
    value_bytes: usize,
    /// How many of 100 requests are reads
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    reads: u32,
    /// How new reads must be
    #[arg(long, value_enum, default_value = "linearizable")]
    consistency: Consistency,
}

/// Durations in microseconds.
struct Measured {
    writes: Histogram<u64>,
    reads: Histogram<u64>,
    failed: u64,
    last_error: Option<String>,
}

impl Measured {
    fn new() -> Result<Self, Failure> {
        let histogram = || {
            Histogram::new_with_bounds(1, MICROS_MAX, 3)
                .map_err(|error| Failure::NotDone(format!("histogram: {error}")))
        };
        Ok(Self { writes: histogram()?, reads: histogram()?, failed: 0, last_error: None })
    }

    fn add(&mut self, other: &Self) -> Result<(), Failure> {
        let wrong = |error| Failure::NotDone(format!("histogram: {error}"));
        self.writes.add(&other.writes).map_err(wrong)?;
        self.reads.add(&other.reads).map_err(wrong)?;
        self.failed += other.failed;
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
        Ok(())
    }
}

impl Bench {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        // Finds the leader, so that this is not measured.
        client.revision().await?;
        let time = Duration::from_secs(self.seconds);
        let (began, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let bench = Arc::new(self);
        for _ in 0..bench.clients {
            let (bench, client, done) = (Arc::clone(&bench), client.clone(), Arc::clone(&done));
            tasks.spawn(async move { bench.one(&client, began + time, &done).await });
        }
        let progress = Progress::new(time);
        while began.elapsed() < time {
            let count = done.load(Ordering::Relaxed);
            let rate = count as f64 / began.elapsed().as_secs_f64().max(0.001);
            progress.set(began.elapsed(), format!("{rate:.0} requests/s"));
            sleep(DRAW.min(time.saturating_sub(began.elapsed()))).await;
        }
        progress.finish();
        let mut all = Measured::new()?;
        while let Some(measured) = tasks.join_next().await {
            all.add(&measured.map_err(|error| Failure::NotDone(error.to_string()))??)?;
        }
        report(&all, began.elapsed())
    }

    /// One client, with one request at a time.
    async fn one(
        &self,
        client: &Client,
        end: Instant,
        done: &AtomicU64,
    ) -> Result<Measured, Failure> {
        let mut measured = Measured::new()?;
        let value = vec![b'x'; self.value_bytes];
        while Instant::now() < end {
            let (number, share) = {
                let mut random = rand::rng();
                (random.random_range(0..KEYS), random.random_range(0..100))
            };
            let (key, began) = (format!("bench/{number}"), Instant::now());
            let is_read = share < self.reads;
            let result = match is_read {
                true => client.get(key, self.consistency).await.map(drop),
                false => client.put(key, value.clone()).await.map(drop),
            };
            done.fetch_add(1, Ordering::Relaxed);
            match result {
                Ok(()) => {
                    let of_kind = if is_read { &mut measured.reads } else { &mut measured.writes };
                    record(of_kind, began.elapsed());
                }
                Err(error) => {
                    measured.failed += 1;
                    measured.last_error = Some(error.to_string());
                }
            }
        }
        Ok(measured)
    }
}

fn record(durations: &mut Histogram<u64>, took: Duration) {
    durations.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

/// The duration that this share of the requests took at most.
fn quantile(durations: &Histogram<u64>, share: f64) -> Duration {
    Duration::from_micros(durations.value_at_quantile(share))
}

fn report(all: &Measured, took: Duration) -> Result<(), Failure> {
    for (what, of_kind) in [("writes", &all.writes), ("reads", &all.reads)] {
        if of_kind.is_empty() {
            continue;
        }
        let rate = of_kind.len() as f64 / took.as_secs_f64();
        let at = |share| quantile(of_kind, share);
        line(format!(
            "{what}: {rate:.0}/s, p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}",
            at(0.5),
            at(0.99),
            at(0.999)
        ))?;
    }
    match &all.last_error {
        Some(error) => {
            Err(Failure::NotDone(format!("{} requests have failed: {error}", all.failed)))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Measured, quantile, record};

    #[test]
    fn quantiles_are_those_of_the_durations() {
        let mut all = Measured::new().expect("a histogram");
        for millis in 1..=1000 {
            record(&mut all.writes, Duration::from_millis(millis));
        }
        for (share, millis) in [(0.5, 500), (0.99, 990), (0.999, 999)] {
            let found = quantile(&all.writes, share).as_secs_f64() * 1000.0;
            assert!((found - f64::from(millis)).abs() < 1.0, "{share}: {found}");
        }
    }
}
