//! The contenders by name, and what each can do.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::work::Work;

/// Names of the contenders, as they are printed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// This project: a typed client and server of the macro.
    Grid,
    /// This project at the byte level.
    GridBytes,
    Tarpc,
    Tonic,
    Jsonrpsee,
    Remoc,
    /// A limit: what a bare multiplexer on TCP does.
    Mux,
    /// Another: TCP alone, one message to and fro.
    Pingpong,
}

impl Name {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::GridBytes => "grid-bytes",
            Self::Tarpc => "tarpc",
            Self::Tonic => "tonic",
            Self::Jsonrpsee => "jsonrpsee",
            Self::Remoc => "remoc",
            Self::Mux => "mux",
            Self::Pingpong => "pingpong",
        }
    }

    /// Whether this contender can do such work.
    pub(crate) fn can(self, work: Work, width: u32) -> bool {
        match work {
            Work::Unary => self != Self::Pingpong || width == 1,
            Work::Struct => !matches!(self, Self::GridBytes | Self::Mux | Self::Pingpong),
            Work::Stream => !matches!(self, Self::Tarpc | Self::Pingpong),
            Work::TwoWay => !matches!(self, Self::Tarpc | Self::Jsonrpsee | Self::Pingpong),
            Work::Bulk | Work::Mixed => self != Self::Pingpong,
            Work::Fan | Work::Links => self == Self::Grid,
        }
    }
}
