//! The contenders, behind two small traits. A method costs nothing but the future that it returns.

pub(crate) mod grid;
pub(crate) mod jsonrpsee;
pub(crate) mod mux;
pub(crate) mod pingpong;
pub(crate) mod remoc;
pub(crate) mod tarpc;
pub(crate) mod tonic;

use std::net::SocketAddr;

use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::Result;
use crate::clock::Tally;
use crate::work::Work;

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

/// Runs `$function::<C>($arguments)` for the contender of a name, or `C::$function` where a trait has it.
macro_rules! contend {
    ($name:expr, serve($($argument:expr),*)) => {
        $crate::peers::contend!(@ $name, |C| {
            let served = <C as $crate::peers::Contender>::serve($($argument),*);
            Box::pin(served) as futures_util::future::LocalBoxFuture<'_, $crate::Result<()>>
        })
    };
    ($name:expr, measure($($argument:expr),*)) => {
        $crate::peers::contend!(@ $name, |C| measure::<C>($($argument),*))
    };
    (@ $name:expr, |$c:ident| $body:expr) => {
        match $name {
            $crate::peers::Name::Grid => { type $c = $crate::peers::grid::Typed; $body }
            $crate::peers::Name::GridBytes => { type $c = $crate::peers::grid::ByteLevel; $body }
            $crate::peers::Name::Tarpc => { type $c = $crate::peers::tarpc::Tarpc; $body }
            $crate::peers::Name::Tonic => { type $c = $crate::peers::tonic::Tonic; $body }
            $crate::peers::Name::Jsonrpsee => { type $c = $crate::peers::jsonrpsee::Jsonrpsee; $body }
            $crate::peers::Name::Remoc => { type $c = $crate::peers::remoc::Remoc; $body }
            $crate::peers::Name::Mux => { type $c = $crate::peers::mux::Mux; $body }
            $crate::peers::Name::Pingpong => { type $c = $crate::peers::pingpong::Pingpong; $body }
        }
    };
}
pub(crate) use contend;

/// One library, or one way of using it.
pub(crate) trait Contender {
    type Client: Client;

    /// Starts a server on `listener`. `peer` is where the client listens, for those that connect both ways.
    async fn serve(listener: TcpListener, peer: SocketAddr) -> Result<()>;

    /// Connects to the server at `peer`, once. `listener` is for those that connect both ways.
    async fn connect(listener: TcpListener, peer: SocketAddr) -> Result<Self::Client>;
}

/// A client over one connection. What a contender cannot do is an error; [`Name::can`] says so first.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// An echo of bytes; gives the length of the answer.
    fn echo(&self, payload: Bytes) -> impl Future<Output = Result<usize>> + Send;

    /// An echo of a struct.
    fn small(&self, _small: Small) -> impl Future<Output = Result<Small>> + Send {
        async { Err("no structs here".into()) }
    }

    /// One stream from the server, for as long as the tally wants more.
    fn stream(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("no streams here".into()) }
    }

    /// One stream to the server and back, for as long as the tally wants more. A task of its own sends.
    fn two_way(&self, _tally: Tally) -> impl Future<Output = Result<()>> + Send {
        async { Err("no two-way streams here".into()) }
    }
}

/// A struct as many services have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Small {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) ratio: f64,
    pub(crate) is_dir: bool,
    pub(crate) parts: Vec<u32>,
}

impl Small {
    pub(crate) fn example() -> Self {
        Self {
            id: 1 << 40,
            name: "bucket/object".to_owned(),
            size: 123_456,
            ratio: 0.5,
            is_dir: false,
            parts: vec![1, 2, 70_000],
        }
    }
}

/// What a stream says when it ends before it was told to.
pub(crate) fn ended() -> crate::Error {
    "the stream has ended".into()
}
