//! Which cells are measured.

use crate::args::Args;
use crate::cell::Mode::{
    Current, Line01, Line1, Line10, Line50, Line100, LineFast, LineLoss, LineSlow, Pair, Pinned,
    Threads,
};
use crate::cell::Name::{
    self, Grid, GridAdmin, GridBare, GridBytes, GridGroup, GridObserved, GridTls, GridWatched,
    Jsonrpsee, Mux, Pingpong, Remoc, Tarpc, Tonic, TonicAdaptive, TonicTls,
};
use crate::cell::{BULK_WIDTH, Cell, Mode, Times, Work};

const ALL: &[Name] = &[Grid, GridBytes, Tarpc, Tonic, Jsonrpsee, Remoc, Mux, Pingpong];

/// Contenders over TLS.
const TLS: &[Name] = &[GridTls, TonicTls];

/// Warm-up and measurement of a quick cell in ms. With five repeats, all cells together take less than four minutes.
const QUICK: (u64, u64) = (200, 500);

/// Warm-up and measurement of a full cell in ms.
const FULL: (u64, u64) = (300, 1000);

/// Which cells are measured, how often and how long.
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

/// Adds a cell for each contender. These cells run one after the other, so that the state of the machine is the same.
fn all(cells: &mut Vec<Cell>, work: Work, width: u32, mode: Mode, contenders: &[Name]) {
    cells.extend(contenders.iter().map(|&contender| Cell { work, width, mode, contender }));
}

/// The cells that report/targets.rs needs.
fn quick() -> Vec<Cell> {
    let mut cells = Vec::new();
    all(
        &mut cells,
        Work::Unary,
        1,
        Threads,
        &[Grid, GridTls, Tarpc, Tonic, TonicTls, Mux, Pingpong],
    );
    all(
        &mut cells,
        Work::Unary,
        64,
        Threads,
        &[Grid, GridBare, GridAdmin, GridWatched, GridObserved, GridTls, Tarpc, Tonic, TonicTls],
    );
    all(&mut cells, Work::Unary, 512, Threads, &[Grid, Tarpc]);
    all(&mut cells, Work::Unary, 64, Current, &[Grid, Tarpc]);
    all(&mut cells, Work::Stream, 1, Threads, &[Grid, Tonic]);
    all(&mut cells, Work::TwoWay, 1, Threads, &[Grid, Tonic]);
    all(&mut cells, Work::Bulk, BULK_WIDTH, Threads, &[Grid, GridTls, Tarpc, Tonic, TonicTls]);
    all(&mut cells, Work::Mixed, 1, Threads, &[Grid, Tarpc]);
    all(&mut cells, Work::Busy, 1, Threads, &[Grid, Tonic]);
    for nodes in [8, 32] {
        all(&mut cells, Work::Fan, nodes, Threads, &[Grid, GridGroup, Tarpc, Tonic]);
    }
    all(&mut cells, Work::Links, 100, Threads, &[Grid]);
    all(&mut cells, Work::Links, 1000, Threads, &[Grid]);
    for line in [Line1, Line10, Line100] {
        all(&mut cells, Work::Stream, 1, line, &[Grid, TonicAdaptive, Pingpong]);
    }
    cells
}

fn full() -> Vec<Cell> {
    let mut cells = Vec::new();
    let with_tls = [ALL, TLS].concat();
    for mode in [Threads, Current, Pair] {
        // Each process has a certificate of its own, which the other one would not trust.
        let contenders = if mode.has_server_process() { ALL } else { &with_tls };
        for width in [1, 16, 64, 512] {
            all(&mut cells, Work::Unary, width, mode, contenders);
            let observed = [GridObserved, GridBare, GridAdmin, GridWatched];
            all(&mut cells, Work::Unary, width, mode, &observed);
        }
        all(&mut cells, Work::Struct, 64, mode, ALL);
        all(&mut cells, Work::Stream, 1, mode, contenders);
        all(&mut cells, Work::TwoWay, 1, mode, contenders);
        all(&mut cells, Work::Bulk, BULK_WIDTH, mode, contenders);
        all(&mut cells, Work::Mixed, 1, mode, ALL);
        all(&mut cells, Work::Busy, 1, mode, ALL);
    }
    for line in [Line01, Line1, Line10, Line50, Line100, LineSlow, LineFast, LineLoss] {
        let contenders = [ALL, &[TonicAdaptive]].concat();
        all(&mut cells, Work::Stream, 1, line, &contenders);
        all(&mut cells, Work::TwoWay, 1, line, &contenders);
        all(&mut cells, Work::Unary, 64, line, &contenders);
    }
    all(&mut cells, Work::Unary, 1, Pinned, ALL);
    for mode in [Threads, Current] {
        for nodes in [2, 8, 32] {
            all(&mut cells, Work::Fan, nodes, mode, ALL);
            all(&mut cells, Work::Fan, nodes, mode, &[GridGroup]);
        }
        for links in [1, 10, 100, 1000] {
            all(&mut cells, Work::Links, links, mode, ALL);
        }
    }
    cells
}
