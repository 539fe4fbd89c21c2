//! Nodes that come and go while all are followed.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use grid::{Guests, Manager, NoAuth};
use tokio::net::TcpListener;

use crate::operators::{Grid, grid, open};
use crate::start;

/// Starts the last node again, at its address.
fn start_last(grid: &Grid) -> Manager {
    let names: Vec<_> = grid.nodes.iter().map(Manager::name).collect();
    grid.runtime.block_on(async {
        let address = names[2].strip_prefix("http://").unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let builder = Manager::builder(names[2]).hosts(names.iter().copied()).token(NoAuth);
        let node = open(builder.guests(Guests::up_to(16))).build().unwrap();
        let serving = node.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        node
    })
}

#[test]
fn a_node_that_was_down_at_first_is_followed_and_so_is_one_that_was_restarted() {
    let grid = grid(|_, builder| open(builder));
    grid.stop_last();
    let mut program = start(grid.name(0), &["events", "--all", "--json"]);
    let mut noted = BufReader::new(program.stderr.take().unwrap()).lines();
    let note = noted.next().unwrap().unwrap();
    assert!(note.contains(&format!("{}: cannot connect", grid.name(2))), "{note}");
    let mut events = BufReader::new(program.stdout.take().unwrap()).lines();
    let is_of_last = format!("{{\"node\":\"{}\"", grid.name(2));
    for _ in 0..2 {
        let node = start_last(&grid);
        let is_up = |line: &String| line.starts_with(&is_of_last) && line.contains("\"up\"");
        // Its links to both others, so that no event of this run is left for the next.
        let ups = events.by_ref().map(Result::unwrap).filter(is_up).take(2);
        assert_eq!(ups.count(), 2);
        grid.runtime.block_on(node.shutdown(Duration::ZERO));
    }
    program.kill().unwrap();
    program.wait().unwrap();
}
