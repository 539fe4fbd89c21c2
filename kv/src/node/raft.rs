//! [`KvRaft`].

use openraft::Raft;

use crate::model::Types;
use crate::store::Machine;

/// The raft of a node.
pub type KvRaft = Raft<Types, Machine>;
