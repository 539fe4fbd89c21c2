//! [`Node`] and [`Place`]: a node of a contender, and where it is.

use grid_kv::model::Types;
use openraft::Raft;
use openraft::storage::RaftStateMachine;

use super::beats::Probe;

/// A running node.
pub(crate) struct Node<SM: RaftStateMachine<Types>> {
    pub(crate) raft: Raft<Types, SM>,
    pub(crate) probe: Probe,
}

/// Where a node is.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) id: u64,
    /// Its address, such as `http://127.0.0.1:4000`, which also is its name in a grid.
    pub(crate) name: String,
    /// All nodes that it knows at first, itself among them.
    pub(crate) names: Vec<(u64, String)>,
}
