//! The last lines that each node has logged.

use std::collections::VecDeque;

/// Lines that are kept of each node.
const LINES_MAX: usize = 20;

/// The last lines of all nodes.
#[derive(Debug)]
pub(super) struct Logs(Vec<VecDeque<String>>);

impl Logs {
    pub(super) fn new(nodes: u8) -> Self {
        Self((0..nodes).map(|_| VecDeque::with_capacity(LINES_MAX)).collect())
    }

    pub(super) fn push(&mut self, node: u8, line: String) {
        let Some(lines) = self.0.get_mut(usize::from(node)) else { return };
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(super) fn last(&self, node: u8) -> impl Iterator<Item = &str> {
        self.0.get(usize::from(node)).into_iter().flatten().map(String::as_str)
    }
}
