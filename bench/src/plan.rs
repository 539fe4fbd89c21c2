//! Which cells are measured.

use crate::args::Args;
use crate::cell::Mode::{Current, Pair, Pinned, Threads};
use crate::cell::Name::{self, Grid, GridBytes, Jsonrpsee, Mux, Pingpong, Remoc, Tarpc, Tonic};
use crate::cell::{BULK_WIDTH, Cell, Mode, Times, Work};

const EVERYBODY: &[Name] = &[Grid, GridBytes, Tarpc, Tonic, Jsonrpsee, Remoc, Mux, Pingpong];

/// Warm-up and time of a quick cell in ms: with five repeats all cells end within three minutes.
const QUICK: (u64, u64) = (200, 500);

/// The same for a full one.
const FULL: (u64, u64) = (300, 1000);

/// What is run, and how often.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cells: Vec<Cell>,
    pub(crate) repeats: u32,
    pub(crate) times: Times,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Self {
        let mut cells = if args.quick { quick() } else { full() };
        fn wanted<T: PartialEq>(chosen: &[T], value: &T) -> bool {
            chosen.is_empty() || chosen.contains(value)
        }
        cells.retain(|cell| {
            cell.contender.can(cell.work, cell.width)
                && wanted(&args.only, &cell.contender)
                && wanted(&args.work, &cell.work)
                && wanted(&args.mode, &cell.mode)
                && wanted(&args.width, &cell.width)
        });
        let (warm_up, time) = if args.quick { QUICK } else { FULL };
        Self {
            cells,
            repeats: args.repeats.unwrap_or(5).max(1),
            times: Times::new(warm_up, args.time_ms.unwrap_or(time)),
        }
    }
}

/// Cells that differ in their contender only stand next to each other, so that they see the same machine.
fn all(cells: &mut Vec<Cell>, work: Work, width: u32, mode: Mode, contenders: &[Name]) {
    cells.extend(contenders.iter().map(|&contender| Cell { work, width, mode, contender }));
}

/// What targets.rs asks for.
fn quick() -> Vec<Cell> {
    let mut cells = Vec::new();
    all(&mut cells, Work::Unary, 1, Threads, &[Grid, Tarpc, Mux, Pingpong]);
    all(&mut cells, Work::Unary, 64, Threads, &[Grid, Tarpc, Tonic]);
    all(&mut cells, Work::Unary, 512, Threads, &[Grid, Tarpc]);
    all(&mut cells, Work::Unary, 64, Current, &[Grid, Tarpc]);
    all(&mut cells, Work::Stream, 1, Threads, &[Grid, Tonic]);
    all(&mut cells, Work::TwoWay, 1, Threads, &[Grid, Tonic]);
    all(&mut cells, Work::Bulk, BULK_WIDTH, Threads, &[Grid, Tarpc]);
    all(&mut cells, Work::Mixed, 1, Threads, &[Grid, Tarpc]);
    all(&mut cells, Work::Links, 100, Threads, &[Grid]);
    all(&mut cells, Work::Links, 1000, Threads, &[Grid]);
    cells
}

fn full() -> Vec<Cell> {
    let mut cells = Vec::new();
    for mode in [Threads, Current, Pair] {
        for width in [1, 16, 64, 512] {
            all(&mut cells, Work::Unary, width, mode, EVERYBODY);
        }
        all(&mut cells, Work::Struct, 64, mode, EVERYBODY);
        all(&mut cells, Work::Stream, 1, mode, EVERYBODY);
        all(&mut cells, Work::TwoWay, 1, mode, EVERYBODY);
        all(&mut cells, Work::Bulk, BULK_WIDTH, mode, EVERYBODY);
        all(&mut cells, Work::Mixed, 1, mode, EVERYBODY);
    }
    all(&mut cells, Work::Unary, 1, Pinned, EVERYBODY);
    for mode in [Threads, Current] {
        for nodes in [2, 8, 32] {
            all(&mut cells, Work::Fan, nodes, mode, EVERYBODY);
        }
        for links in [1, 10, 100, 1000] {
            all(&mut cells, Work::Links, links, mode, EVERYBODY);
        }
    }
    cells
}
