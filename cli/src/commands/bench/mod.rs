//! `grid bench`: how fast a node answers.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the command, and the calls that it makes |
//! | `result.rs` | what they came to, and its file |
//! | `print.rs` | the result as text, beside an earlier one |

mod print;
mod result;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use self::result::{Measured, Outcome};
use super::options::{CallOptions, Prepared, time_within, with_options};
use crate::connect::Global;
use crate::failure::Failure;
use crate::output::{line, note};
use crate::progress::{Progress, grouped};

/// Callers, at most. Each of them is a task.
const CALLERS_MAX: u32 = 10_000;

/// How often the progress is shown. It takes the lock of the callers.
const SHOWN_EVERY: Duration = Duration::from_millis(250);

/// The shortest time that is measured. Without any, there are no calls in a second.
const TIME_MIN: Duration = Duration::from_millis(1);

/// The longest time, a week. Some limit is needed: a time beyond all clocks cannot be waited for.
const TIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Measures how fast a method answers: the same request again and again.
///
/// With --concurrency, each caller makes its next call when the last one has been answered. With --rate, calls begin at fixed
/// times whether or not earlier ones were answered. A call that begins late, because all callers wait, is timed from when it
/// should have begun: so a node that stands still for a second is not asked less often, and looks as slow as it is.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    options: CallOptions,
    /// How many callers there are, each with one call at a time. Default: 64, with a rate 1000.
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=i64::from(CALLERS_MAX)))]
    concurrency: Option<u32>,
    /// How many calls begin in a second.
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// For how long it is measured.
    #[arg(short = 't', long = "for", default_value = "10s", value_name = "TIME", value_parser = time_within(TIME_MIN..=TIME_MAX))]
    time: Duration,
    /// For how long calls are made before that.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = time_within(Duration::ZERO..=TIME_MAX))]
    warm_up: Duration,
    /// Writes the result to a file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Prints the result beside that of an earlier run; as JSON, both as `now` and `earlier`.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

impl Bench {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let earlier = self.compare.as_deref().map(Outcome::read).transpose()?;
        let prepared = Arc::new(self.options.prepare(global).await?);
        // A method that fails at once is not worth measuring.
        let first = call(&prepared, &self.options).await;
        first.map_err(|error| prepared.target.failure(error))?;
        let bench = Arc::new(self);
        let outcome = bench.measure(&prepared, Progress::new(global)).await;
        if let Some(file) = &bench.save {
            outcome.write(file)?;
        }
        match (global.json, &earlier) {
            (true, Some(earlier)) => line(json!({ "now": outcome, "earlier": earlier }))?,
            (true, None) => line(json!(outcome))?,
            (false, _) => print::print(&outcome, earlier.as_ref())?,
        }
        if let Some(earlier) = earlier.filter(|earlier| !outcome.is_like(earlier)) {
            note(format_args!("the earlier run was another one: {}", earlier.what()));
        }
        Ok(())
    }

    fn callers(&self) -> u32 {
        self.concurrency.unwrap_or(if self.rate.is_some() { 1000 } else { 64 })
    }

    /// Makes the calls. Those that begin while it warms up do not count; those that begin before the
    /// end do, whenever they are answered.
    async fn measure(self: &Arc<Self>, prepared: &Arc<Prepared>, progress: Progress) -> Outcome {
        let from = Instant::now() + self.warm_up;
        let run = Arc::new(Run {
            bench: Arc::clone(self),
            prepared: Arc::clone(prepared),
            began: Instant::now(),
            from,
            until: from + self.time,
            next: AtomicU64::new(0),
            measured: Mutex::new(Measured::new(self.time)),
        });
        let mut callers = JoinSet::new();
        for _ in 0..self.callers() {
            let run = Arc::clone(&run);
            callers.spawn(async move { run.caller().await });
        }
        tokio::select! {
            biased;
            () = async { while callers.join_next().await.is_some() {} } => {}
            () = run.show(progress) => {}
        }
        let measured = run.measured.lock().unwrap_or_else(PoisonError::into_inner);
        measured.outcome(prepared.target.name(), self.rate, self.callers())
    }
}

/// What all callers share.
struct Run {
    bench: Arc<Bench>,
    prepared: Arc<Prepared>,
    began: Instant,
    from: Instant,
    until: Instant,
    /// The number of the next call, with a rate.
    next: AtomicU64,
    measured: Mutex<Measured>,
}

impl Run {
    /// Makes one call after the other until the end.
    async fn caller(&self) {
        while let Some(at) = self.next().await {
            let ended = call(&self.prepared, &self.bench.options).await;
            let now = Instant::now();
            if at >= self.from {
                let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
                measured.count(now - at, &ended);
            }
        }
    }

    /// Shows how far the run is, for as long as this is polled.
    async fn show(&self, mut progress: Progress) {
        while progress.is_seen() {
            progress.show(self.state(Instant::now()));
            sleep(SHOWN_EVERY).await;
        }
        std::future::pending().await
    }

    fn state(&self, now: Instant) -> String {
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = grouped(measured.calls());
        match now {
            _ if now < self.from => "warming up".to_owned(),
            _ if now < self.until => {
                let (gone, all) = (now - self.from, self.until - self.from);
                format!("measuring: {} s of {}, {calls} calls", gone.as_secs(), all.as_secs_f64())
            }
            _ => format!("waiting for the last answers, {calls} calls"),
        }
    }

    /// Waits until the next call is due, and returns from when on it is timed; `None` at the end.
    async fn next(&self) -> Option<Instant> {
        let now = Instant::now();
        let Some(rate) = self.bench.rate else { return (now < self.until).then_some(now) };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.began + Duration::from_secs(1).mul_f64(number as f64 / f64::from(rate));
        if due >= self.until {
            return None;
        }
        if due <= now {
            return Some(due);
        }
        sleep_until(due).await;
        // Timers are a millisecond late, which is not the fault of the node.
        Some(Instant::now())
    }
}

/// Makes one call.
async fn call(prepared: &Prepared, options: &CallOptions) -> Result<(), grid::CallError> {
    with_options!(prepared.request(), options, prepared.target.method).await.map(drop)
}
