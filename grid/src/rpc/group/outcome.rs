//! What the nodes of a group have answered.

use std::fmt;
use std::sync::Arc;

use crate::CallError;

/// What one node of a group has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeOutcome<O, E> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Its answer, or why there is none.
    pub result: Result<O, CallError<E>>,
}

/// The answer of one node of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeAnswer<O> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Its answer.
    pub value: O,
}

/// Too few nodes of a group have answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooFew<O, E> {
    /// Answers that were needed.
    pub needed: usize,
    /// Number of nodes in the group.
    pub nodes: usize,
    /// The answers that came.
    pub answers: Vec<NodeAnswer<O>>,
    /// The nodes that have failed, in the order in which they did. The calls to all others were cancelled.
    pub failed: Vec<(Arc<str>, CallError<E>)>,
}

impl<O, E: fmt::Display> fmt::Display for TooFew<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, nodes, answers, failed } = self;
        write!(f, "{} of {nodes} nodes have answered, and {needed} are needed", answers.len())?;
        for (peer, error) in failed {
            write!(f, "; {peer}: {error}")?;
        }
        Ok(())
    }
}

impl<O: fmt::Debug, E: fmt::Debug + fmt::Display> std::error::Error for TooFew<O, E> {}
