//! The streams of the made-up nodes. Everything follows from the number of the second.

use grid::admin::{StreamStatus, StreamWindow};

use crate::console::state::StreamRow;

/// Pairs of nodes whose streams nobody waits for.
const QUIET: u64 = 14;

/// Streams at both of their ends: two of which somebody waits for, and others.
pub(super) fn streams(second: u64, name: impl Fn(u64) -> String) -> Vec<StreamRow> {
    let mut rows = Vec::new();
    // A reader that has slept for as long as the demo runs, and one that is late now and then.
    rows.extend(slow("Stock/watch", (name(0), name(47)), 184_000 + second * 1000, second));
    rows.extend(slow("Search/follow", (name(11), name(28)), 9_000 + second * 1000, second % 20));
    for number in 0..QUIET {
        let (server, client) = (name(number * 3 + 1), name(number * 2 + 2));
        let left = 16 - (second + number) % 5;
        let [mut served, mut made] = ends("Stock/watch", server, client, (QUIET - number) * 60_000);
        served.stream.sends = Some(window(left, 0));
        made.stream.receives = Some(window(left, 0));
        rows.extend([served, made]);
    }
    rows
}

/// A stream whose caller does not read, at both ends.
fn slow(
    method: &str,
    (server, client): (String, String),
    age_ms: u64,
    for_s: u64,
) -> [StreamRow; 2] {
    let [mut served, mut made] = ends(method, server.clone(), client.clone(), age_ms);
    served.stream.sends = Some(window(0, 0));
    served.stream.waits_for = vec!["reader_at_peer".to_owned()];
    served.stream.text = format!("the handler here waits until the caller at {client} reads");
    // As of a node, which looks with each ping.
    served.stream.waits_ms = (for_s >= 10).then_some(for_s / 10 * 10_000);
    made.stream.receives = Some(window(0, 16));
    made.stream.waits_for = vec!["reader_here".to_owned()];
    made.stream.text =
        format!("the handler at {server} waits until the caller here reads: 16 unread");
    [served, made]
}

fn ends(method: &str, server: String, client: String, age_ms: u64) -> [StreamRow; 2] {
    let end = |node: &str, peer: &str, is_served| {
        let mut stream = StreamStatus::default();
        peer.clone_into(&mut stream.peer);
        method.clone_into(&mut stream.method);
        stream.is_served = is_served;
        stream.age_ms = Some(age_ms);
        StreamRow { node: node.to_owned(), stream }
    };
    [end(&server, &client, true), end(&client, &server, false)]
}

fn window(items: u64, unread: u64) -> StreamWindow {
    let mut window = StreamWindow::default();
    (window.items, window.items_max, window.unread) = (Some(items), Some(16), unread);
    window
}
