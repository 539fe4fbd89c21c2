//! [`GridNode`]: the name of a node.

use openraft::{BasicNode, NodeInfo};

/// What openraft knows of a node has the node's name in the grid.
pub trait GridNode {
    /// The name, such as `http://node1:9000`.
    fn grid_name(&self) -> &str;
}

/// The address is the name.
impl GridNode for BasicNode {
    fn grid_name(&self) -> &str {
        &self.addr
    }
}

/// The address is the name.
impl GridNode for NodeInfo {
    fn grid_name(&self) -> &str {
        &self.raft_addr
    }
}
