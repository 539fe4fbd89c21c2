//! The kinds of faults.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::pair::Pair;

/// A fault, with its place and its measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Link(Pair, LinkFault),
    /// SIGKILL; restarted when the fault is over.
    Kill(u8),
    /// SIGSTOP; SIGCONT when the fault is over.
    Stop(u8),
    /// A graceful shutdown; started again when the fault is over.
    Restart(u8),
}

/// A fault of the connection of two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkFault {
    /// Both ends are closed.
    Cut,
    /// Both ends are reset, while a frame has arrived in part.
    Reset,
    /// Bytes vanish: from the lower to the higher node, from the higher to the lower, or both. A connection that has lost
    /// bytes does not come back; it stays open and silent until a node closes it.
    Swallow([bool; 2]),
    /// Nothing passes for a while, and nothing is lost.
    Stall,
    /// Single bytes.
    Dribble,
    Delay(Duration),
    /// Bytes per second, in each direction.
    Bandwidth(u32),
    /// One bit of a message after the handshake is flipped.
    Corrupt,
    /// A new connection is made, and one bit of its upgrade or handshake is flipped.
    CorruptHandshake,
}

/// The kind of a fault, for tables. The order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Not a fault: the nodes have been started.
    Start,
    Cut,
    Reset,
    HalfOpen,
    OneWay,
    Stall,
    Dribble,
    Delay,
    Bandwidth,
    Corrupt,
    CorruptHandshake,
    Kill,
    Stop,
    Restart,
}

/// What a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Pair(Pair),
    Node(u8),
}

impl Fault {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Link(_, fault) => fault.kind(),
            Self::Kill(_) => Kind::Kill,
            Self::Stop(_) => Kind::Stop,
            Self::Restart(_) => Kind::Restart,
        }
    }

    pub(crate) fn place(self) -> Place {
        match self {
            Self::Link(pair, _) => Place::Pair(pair),
            Self::Kill(node) | Self::Stop(node) | Self::Restart(node) => Place::Node(node),
        }
    }
}

impl LinkFault {
    fn kind(self) -> Kind {
        match self {
            Self::Cut => Kind::Cut,
            Self::Reset => Kind::Reset,
            Self::Swallow([true, true]) => Kind::HalfOpen,
            Self::Swallow(_) => Kind::OneWay,
            Self::Stall => Kind::Stall,
            Self::Dribble => Kind::Dribble,
            Self::Delay(_) => Kind::Delay,
            Self::Bandwidth(_) => Kind::Bandwidth,
            Self::Corrupt => Kind::Corrupt,
            Self::CorruptHandshake => Kind::CorruptHandshake,
        }
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Cut => "cut",
            Self::Reset => "reset in a frame",
            Self::HalfOpen => "half-open",
            Self::OneWay => "half-open, one way",
            Self::Stall => "stall",
            Self::Dribble => "single bytes",
            Self::Delay => "delay",
            Self::Bandwidth => "bandwidth",
            Self::Corrupt => "flipped bit",
            Self::CorruptHandshake => "flipped bit in a handshake",
            Self::Kill => "SIGKILL",
            Self::Stop => "SIGSTOP",
            Self::Restart => "graceful restart",
        }
    }
}

impl Place {
    /// Whether calls between these two nodes are affected.
    pub(crate) fn affects(self, pair: Pair) -> bool {
        match self {
            Self::Pair(own) => own == pair,
            Self::Node(node) => pair.has(node),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(pair) => pair.fmt(f),
            Self::Node(node) => write!(f, "node{node}"),
        }
    }
}
