//! `grid streams`.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use grid::admin::{StreamStatus, StreamWindow};
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{Asked, From};
use crate::output::{line, short, table};

/// Lists the streams of the node with their windows, and who waits for whom: those that wait first, then the oldest.
///
/// A window is what may still be sent, of what may be sent when all has been read: items, or bytes. A stream between two nodes is
/// listed at both of them.
#[derive(Debug, Args)]
pub struct Streams {
    /// All nodes of the grid, not only this one.
    #[arg(short, long)]
    all: bool,
    /// How many streams, at most 1000 of each node.
    #[arg(short = 'm', long, default_value_t = 100)]
    at_most: u32,
    /// Only streams that wait.
    #[arg(short, long)]
    waiting: bool,
}

impl Streams {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let at_most = self.at_most;
        let asked = global.ask(self.all, |admin| async move { admin.streams(at_most).await });
        let Asked { answers, end } = asked.await?;
        let mut all = Vec::new();
        for From { node, item } in answers {
            all.extend(item.into_iter().map(|stream| (Arc::clone(&node), stream)));
        }
        all.retain(|(_, stream)| stream.waits() || !self.waiting);
        all.sort_by_key(|(_, stream)| urgency(stream));
        if global.json {
            let mut lines = all.iter();
            lines.try_for_each(|(node, of)| line(json!({ "node": &**node, "stream": of })))?;
        } else {
            let rows = all.iter().map(|(node, stream)| row(node, stream));
            table([HEADINGS.map(str::to_owned)].into_iter().chain(rows))?;
        }
        end
    }
}

/// The order in which streams are listed: those that wait, of them those that have waited longest, then the oldest.
pub(crate) fn urgency(stream: &StreamStatus) -> impl Ord + use<> {
    (!stream.waits(), Reverse(stream.waits_ms), Reverse(stream.age_ms))
}

const HEADINGS: [&str; 8] =
    ["node", "", "peer", "method", "age", "may send", "may receive", "who waits for whom"];

fn row(node: &str, stream: &StreamStatus) -> [String; 8] {
    let age = stream.age_ms.map(|age| short(Duration::from_millis(age)));
    [
        node.to_owned(),
        if stream.is_served { "<-" } else { "->" }.to_owned(),
        stream.peer.clone(),
        stream.method.clone(),
        age.unwrap_or_default(),
        stream.sends.as_ref().map(window).unwrap_or_default(),
        stream.receives.as_ref().map(window).unwrap_or_default(),
        who(stream),
    ]
}

/// What may still be sent: items if they are limited, and bytes if only they are, or if none are left.
fn window(of: &StreamWindow) -> String {
    let left = |left: u64, max: Option<u64>| match max {
        Some(max) => format!("{left}/{max}"),
        None => left.to_string(),
    };
    let items = of.items.map(|items| left(items, of.items_max));
    let is_shown = items.is_none() || of.bytes == Some(0);
    let bytes = of.bytes.filter(|_| is_shown).map(|bytes| left(bytes, of.bytes_max) + " B");
    let unread = (of.unread > 0).then(|| format!("{} unread", of.unread));
    [items, bytes, unread].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn who(stream: &StreamStatus) -> String {
    let for_ms = stream.waits_ms.map(Duration::from_millis);
    match for_ms {
        Some(time) => format!("{}, for {} or longer", stream.text, short(time)),
        None => stream.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_show_what_limits_them() {
        let window = |items: Option<[u64; 2]>, bytes, bytes_max, unread| {
            let mut window = StreamWindow::default();
            (window.items, window.items_max) = (items.map(|of| of[0]), items.map(|of| of[1]));
            (window.bytes, window.bytes_max, window.unread) = (bytes, bytes_max, unread);
            super::window(&window)
        };
        assert_eq!(window(Some([3, 16]), None, None, 0), "3/16");
        assert_eq!(window(Some([0, 16]), Some(9000), Some(131_072), 16), "0/16, 16 unread");
        assert_eq!(window(Some([3, 16]), Some(0), Some(131_072), 0), "3/16, 0/131072 B");
        assert_eq!(window(None, Some(9000), None, 0), "9000 B");
    }
}
