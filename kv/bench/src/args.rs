//! The command line, and the cells that it asks for.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum as _};

use crate::cell::{Cell, Contender, Kind, Sizes, Work};
use crate::measure::LearnerArgs;

/// Numbers of clients.
const CLIENTS: [usize; 3] = [1, 64, 1024];

/// Measures openraft over grid beside openraft over HTTP, gRPC and function calls: the same store, three nodes on this machine.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Fewer and shorter measurements: within three minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write all samples into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Measure only these works.
    #[arg(long, value_delimiter = ',', value_name = "WORK,..")]
    pub(crate) work: Vec<Work>,
    /// Measure only these contenders.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub(crate) only: Vec<Contender>,
    /// Measure writes and failovers only with these stores.
    #[arg(long, value_delimiter = ',', value_name = "STORE,..")]
    pub(crate) store: Vec<Kind>,
    /// Measure writes only with these numbers of clients.
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub(crate) clients: Vec<usize>,
    /// Number of measurements of each cell; 5 by default, of snapshots 3.
    #[arg(long)]
    pub(crate) repeats: Option<u32>,
    #[command(flatten)]
    pub(crate) sizes: Sizes,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures one cell in this process and prints the sample as JSON. For profilers.
    Cell {
        #[command(flatten)]
        cell: Cell,
        #[command(flatten)]
        sizes: Sizes,
    },
    /// A node that gets a snapshot.
    #[command(hide = true)]
    Learner(LearnerArgs),
}

impl Args {
    /// The cells, in the order of a repeat: contenders of the same work next to each other.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &work in wanted(&self.work, Work::value_variants()) {
            let clients = match work {
                Work::Writes => wanted(&self.clients, &CLIENTS),
                Work::Failover | Work::Snapshot => &[64],
            };
            for &store in self.stores(work) {
                for &clients in clients {
                    let contenders = wanted(&self.only, Contender::value_variants()).iter();
                    let cell = |&contender| Cell { work, store, clients, contender };
                    cells.extend(contenders.filter(|one| one.is_measured_at(work)).map(cell));
                }
            }
        }
        cells
    }

    /// A failover takes as long with any store, and only snapshots of the one in memory are as long as is asked for.
    fn stores(&self, work: Work) -> &[Kind] {
        match work {
            Work::Writes => wanted(&self.store, Kind::value_variants()),
            Work::Failover | Work::Snapshot => &[Kind::Memory],
        }
    }

    pub(crate) fn repeats(&self, work: Work) -> u32 {
        let usual = match (work, self.quick) {
            (Work::Writes, false) => 5,
            (Work::Snapshot, false) => 3,
            (Work::Writes, true) => 3,
            // The repeats of failovers are in the cell.
            _ => 1,
        };
        self.repeats.unwrap_or(usual)
    }

    pub(crate) fn sizes(&self) -> Sizes {
        match self.quick {
            true => Sizes { time_ms: 1000, failovers: 3, snapshot_mib: 64, ..self.sizes },
            false => self.sizes,
        }
    }
}

fn wanted<'a, T>(wanted: &'a [T], all: &'a [T]) -> &'a [T] {
    if wanted.is_empty() { all } else { wanted }
}
