//! What the server of `grid console` does when too much is asked of it, or too little is allowed.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use grid::Denied;
use grid::admin::Operators;
use serde_json::Value;
use tokio::time::Instant;

use crate::console::{Console, SECOND, are_up, event};
use crate::operators::{grid, open};

/// The first event that is as wanted.
fn first(stream: &mut BufReader<TcpStream>, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let event = event(stream);
        if is_wanted(&event) {
            return event;
        }
        assert!(began.elapsed() < 20 * SECOND, "{event:#}");
    }
}

#[test]
fn streams_of_events_are_limited() {
    let console = Console::start("", &["--demo"]);
    for (path, most) in [("/api/live", 16), ("/api/tap", 4)] {
        let open: Vec<_> = (0..most).map(|_| console.follow(path)).collect();
        assert!(open.iter().all(|(status, _)| *status == 200), "{path}");
        assert_eq!(console.get(path).0, 503, "{path}");
        drop(open);
        let began = Instant::now();
        while console.follow(path).0 != 200 {
            assert!(began.elapsed() < 20 * SECOND, "{path}: the places are not free again");
        }
    }
}

#[test]
fn silent_connections_make_room() {
    let console = Console::start("", &["--demo"]);
    let silent: Vec<_> = (0..64).map(|_| TcpStream::connect(&console.address).unwrap()).collect();
    // Those with half a request are no better.
    for mut stream in &silent[32..] {
        stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    }
    assert_eq!(console.get("/").0, 200);
}

#[test]
fn a_node_that_refuses_to_be_tapped_is_named() {
    let grid = grid(|number, builder| match number {
        0 => open(builder),
        _ => builder.admin(Operators::permit(|call| match call.method() {
            "tap" => Err(Denied::new("not on weekdays")),
            _ => Ok(()),
        })),
    });
    let console = Console::of(&grid, &[]);
    console.until(|state| are_up(state, 3));
    let (_, mut tapped) = console.follow("/api/tap");
    let batch = first(&mut tapped, |batch| !batch["refused"].is_null());
    let refused = batch["refused"].as_str().unwrap();
    assert!(refused.contains(" cannot be tapped: ") && refused.contains("weekdays"), "{refused}");
}
