//! Names of the contenders, and which work each supports.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::work::Work;

/// The contenders.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// This project: typed client and server of the macro.
    Grid,
    /// This project at the byte level.
    GridBytes,
    /// As `Grid`, over TLS. Both ends must be in one process.
    GridTls,
    /// As `Grid`, with a log of slow calls, metrics, and traces of a share of the calls, at both ends.
    GridObserved,
    /// As `Grid`, without the built-in service `grid.Reflection`.
    GridBare,
    /// As `Grid`, with the built-in service `grid.Admin`, which nobody calls.
    GridAdmin,
    /// The same, while somebody watches both ends as `grid console` does, with one call in a hundred.
    GridWatched,
    /// As `Grid`, with a group in place of a call to each node.
    GridGroup,
    Tarpc,
    Tonic,
    /// As `Tonic`, over TLS. Both ends must be in one process.
    TonicTls,
    /// As `Tonic`, with the windows that HTTP/2 adapts to the line.
    TonicAdaptive,
    Jsonrpsee,
    Remoc,
    /// An upper bound: a bare multiplexer on TCP.
    Mux,
    /// An upper bound: one message over TCP and back, or a stream of items over TCP alone.
    Pingpong,
}

impl Name {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::GridBytes => "grid-bytes",
            Self::GridTls => "grid-tls",
            Self::GridObserved => "grid-observed",
            Self::GridBare => "grid-bare",
            Self::GridAdmin => "grid-admin",
            Self::GridWatched => "grid-watched",
            Self::GridGroup => "grid-group",
            Self::Tarpc => "tarpc",
            Self::Tonic => "tonic",
            Self::TonicTls => "tonic-tls",
            Self::TonicAdaptive => "tonic-adaptive",
            Self::Jsonrpsee => "jsonrpsee",
            Self::Remoc => "remoc",
            Self::Mux => "mux",
            Self::Pingpong => "pingpong",
        }
    }

    /// Whether this contender supports a work of this width.
    pub(crate) fn can(self, work: Work, width: u32) -> bool {
        match work {
            Work::Fan => {
                matches!(self, Self::Grid | Self::GridGroup | Self::Tarpc | Self::Tonic)
            }
            _ if self == Self::GridGroup => false,
            Work::Unary => self != Self::Pingpong || width == 1,
            Work::Struct => !matches!(self, Self::GridBytes | Self::Mux | Self::Pingpong),
            Work::Stream => self != Self::Tarpc,
            Work::TwoWay => !matches!(self, Self::Tarpc | Self::Jsonrpsee | Self::Pingpong),
            Work::Bulk | Work::Mixed => self != Self::Pingpong,
            Work::Busy => matches!(self, Self::Grid | Self::Tonic),
            Work::Links => self == Self::Grid,
        }
    }
}
