//! The conductor: runs each cell in its own process, with the repeats interleaved, and reports the samples.

use std::env::current_exe;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use crate::args::Args;
use crate::cell::{Cell, Times};
use crate::error::Result;
use crate::plan::Plan;
use crate::report::{Results, plot, tables, targets};
use crate::sample::Sample;

/// Time that a cell may take besides warm-up and measurement. To connect a thousand links on a busy machine takes
/// longest.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the conductor checks whether a cell's process has ended.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn main(args: &Args) -> Result<()> {
    let plan = Plan::new(args);
    let mut results = Results::new(&plan, load_average());
    for repeat in 0..plan.repeats {
        for (done, measured) in results.cells.iter_mut().enumerate() {
            let sample = measure(measured.cell, &plan.times.of(measured.cell.mode));
            let title = measured.cell.title();
            let progress = format!(
                "[{}/{} {}/{}] {title} {}",
                repeat + 1,
                plan.repeats,
                done + 1,
                plan.cells.len(),
                measured.cell.contender.name(),
            );
            match &sample {
                Ok(sample) => eprintln!("{progress}: {:.0} per second", sample.rate),
                Err(error) => eprintln!("{progress}: failed: {error}"),
            }
            measured.push(sample.map_err(|error| error.to_string()));
        }
    }
    results.load_after = load_average();
    let text = format!("{}\n{}", targets::table(&results), tables::tables(&results));
    println!("{text}");
    if let Some(out) = &args.out {
        fs::create_dir_all(out)?;
        fs::write(out.join("report.md"), text)?;
        fs::write(out.join("results.json"), serde_json::to_string_pretty(&results)?)?;
        for (name, svg) in plot::all(&results) {
            fs::write(out.join(name), svg)?;
        }
        eprintln!("written to {}", out.display());
    }
    Ok(())
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn measure(cell: Cell, times: &Times) -> Result<Sample> {
    let mut child = Command::new(current_exe()?)
        .arg("cell")
        .args(cell.to_args())
        .args(times.to_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let until = Instant::now() + times.warm_up() + times.time() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Err("time-out".into());
        }
        sleep(LOOK);
    };
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().ok_or("no output")?.read_to_string(&mut out)?;
    child.stderr.take().ok_or("no output")?.read_to_string(&mut err)?;
    if !status.success() {
        return Err(format!("{status}: {}", err.trim()).into());
    }
    Ok(serde_json::from_str(&out)?)
}
