//! What has been sent about new calls on a connection. Used by mod.rs.

/// How far both directions of a connection have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::proto) struct Drain {
    /// Calls of the peer.
    pub(in crate::proto) own: Stage,
    /// Calls of this node.
    pub(in crate::proto) peer: Stage,
}

/// One direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::proto) enum Stage {
    #[default]
    Open,
    /// The callee takes no new calls.
    Announced,
    /// No call of the caller is on its way either.
    Confirmed,
}
