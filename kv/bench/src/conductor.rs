//! Runs each cell in a process of its own, repeats interleaved, and prints the tables.

use std::env::current_exe;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::args::Args;
use crate::cell::{Cell, Sample, Sizes};
use crate::error::Result;
use crate::report::{self, Measured, Results};

pub(crate) fn run(args: &Args) -> Result<()> {
    let (sizes, cells) = (args.sizes(), args.cells());
    let mut cells: Vec<_> =
        cells.into_iter().map(|cell| Measured { cell, samples: Vec::new() }).collect();
    let load_before = load();
    if cells.is_empty() {
        return Err("nothing to measure: no chosen contender has one of the chosen works".into());
    }
    let most = cells.iter().map(|measured| args.repeats(measured.cell.work)).max().unwrap_or(0);
    for repeat in 0..most {
        for measured in &mut cells {
            if repeat < args.repeats(measured.cell.work) {
                writeln!(stderr(), "repeat {}: {:?}", repeat + 1, measured.cell)?;
                measured.samples.push(once(measured.cell, &sizes)?);
            }
        }
    }
    let results = Results { load_before, load_after: load(), sizes, cells };
    if let Some(file) = &args.json {
        fs::write(file, serde_json::to_vec_pretty(&results)?)?;
    }
    Ok(stdout().write_all(report::tables(&results).as_bytes())?)
}

/// The load of the machine in the last minute.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn once(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    let Cell { work, store, clients, contender } = cell;
    let child = Command::new(current_exe()?)
        .args(["cell", "--work", &name(&work), "--store", &name(&store)])
        .args(["--contender", &name(&contender), "--clients", &clients.to_string()])
        .args(["--time-ms", &sizes.time_ms.to_string()])
        .args(["--value-bytes", &sizes.value_bytes.to_string()])
        .args(["--failovers", &sizes.failovers.to_string()])
        .args(["--snapshot-mib", &sizes.snapshot_mib.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !child.status.success() {
        return Err(format!("{cell:?}: {}", child.status).into());
    }
    Ok(serde_json::from_slice(&child.stdout)?)
}
