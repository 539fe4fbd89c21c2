//! What the nodes of a group have answered.

use std::fmt;
use std::sync::Arc;

use crate::{CallError, RemoteError};

/// What one node of a group has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeOutcome<O, E> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Place of the node in the group, from 0.
    pub index: usize,
    /// Its answer, or why there is none.
    pub result: Result<O, CallError<E>>,
}

/// Why one node of a group has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeFailure<E> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Its place in the group.
    pub index: usize,
    /// What has happened.
    pub error: CallError<E>,
}

/// The answer of one node of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeAnswer<O> {
    /// Name of the node.
    pub peer: Arc<str>,
    /// Place of the node in the group, from 0.
    pub index: usize,
    /// Its answer.
    pub value: O,
}

/// Too few nodes of a group have answered.
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grid::{Group, Mock};
///
/// let fails = || Mock::new().on(CounterClient::ADD, |_| Err(grid::RemoteError::new("disk full")));
/// let works = Mock::new().on(CounterClient::ADD, |(n,)| Ok(n));
/// let group = Group::new([fails().connection(), fails().connection(), works.connection()]);
/// let error = group.call(CounterClient::ADD, (1,)).quorum().await.unwrap_err();
/// println!("{error}"); // names each node, and why it has not answered
/// # Ok(()) }
/// ```
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
    pub failed: Vec<NodeFailure<E>>,
}

impl<O, E: fmt::Display> fmt::Display for TooFew<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, nodes, answers, failed } = self;
        write!(f, "{} of {nodes} nodes have answered, and {needed} are needed", answers.len())?;
        for NodeFailure { peer, error, .. } in failed {
            write!(f, "; {peer}: {error}")?;
        }
        Ok(())
    }
}

impl<O: fmt::Debug, E: fmt::Debug + fmt::Display> std::error::Error for TooFew<O, E> {}

/// For handlers that ask other nodes: the text, which names each node that has failed.
impl<O, E: fmt::Display> From<TooFew<O, E>> for RemoteError {
    fn from(few: TooFew<O, E>) -> Self {
        Self::new(few.to_string())
    }
}
