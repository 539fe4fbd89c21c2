//! Single streams, and who waits for whom: `grid streams`, and the console.

use grid::{Outgoing, RemoteError, Responses};
use serde_json::{Value, json};

use crate::console::Console;
use crate::operators::{Grid, grid, lines, open};

/// Streams that are faster than their readers.
#[grid::service]
trait Pulse {
    #[handler(outgoing = 4)]
    async fn beats(&self, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct Heart;

impl Pulse for Heart {
    async fn beats(&self, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        loop {
            out.send(72).await?;
        }
    }
}

/// A grid, and a stream of its first node, opened by the second one, which nobody reads.
fn unread() -> (Grid, Responses<u32, RemoteError>) {
    let grid = grid(|_, builder| open(builder).service(PulseServer::new(Heart)));
    let client = PulseClient::new(grid.nodes[1].connection(grid.name(0)).unwrap());
    let opened = grid.runtime.block_on(async { client.beats().await });
    (grid, opened.unwrap())
}

#[test]
fn streams_are_listed_with_who_waits_for_whom() {
    let (grid, unread) = unread();
    let waiting = loop {
        let waiting = lines(&grid.run(&["streams", "--all", "--waiting", "--json"]));
        if waiting.len() == 2 {
            break waiting;
        }
    };
    let end = |node: usize| {
        let is = |of: &&Value| of["node"] == grid.name(node);
        waiting.iter().find(is).unwrap_or_else(|| panic!("{waiting:?}"))["stream"].clone()
    };
    let (served, made) = (end(0), end(1));
    assert_eq!((&served["method"], &served["peer"]), (&"Pulse/beats".into(), &grid.name(1).into()));
    assert_eq!(
        (&served["waits_for"][0], &served["sends"]["items"]),
        (&"reader_at_peer".into(), &0.into())
    );
    assert_eq!(
        (&made["waits_for"][0], &made["receives"]["unread"]),
        (&"reader_here".into(), &4.into())
    );

    let shown = grid.run(&["streams"]);
    let row = shown.out.lines().find(|line| line.contains("Pulse/beats")).unwrap();
    assert!(row.contains("<-") && row.contains(" 0/4 "), "{shown:?}");
    let text = format!("the handler here waits until the caller at {} reads", grid.name(1));
    assert!(row.contains(&text), "{shown:?}");
    assert_eq!(grid.run(&["streams", "--at-most", "0"]).out.lines().count(), 1, "the headings");
    drop(unread);
    while !lines(&grid.run(&["streams", "--all", "--json"])).is_empty() {}
}

#[test]
fn streams_are_shown_with_who_is_slow() {
    let (grid, _unread) = unread();
    let console = Console::of(&grid, &[]);
    let waits = |row: &&Value| row["waits_for"] != json!([]);
    let state = console
        .until(|state| state["streams"].as_array().unwrap().iter().filter(waits).count() == 2);
    let rows = state["streams"].as_array().unwrap();
    let ends: Vec<_> = rows.iter().map(|row| (&row["node"], &row["waits_for"][0])).collect();
    let (served, made) = (json!(grid.name(0)), json!(grid.name(1)));
    assert!(ends.contains(&(&served, &json!("reader_at_peer"))), "{rows:?}");
    assert!(ends.contains(&(&made, &json!("reader_here"))), "{rows:?}");
}
