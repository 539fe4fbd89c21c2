//! The services of a node: `Files`, its own tree, and `Ask`, the trees of all nodes for clients that reach only one.
//!
//! The traits are the contract. `serve` and `ask` implement them.

use bytes::Bytes;
use grid::{Context, Outgoing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Entry, Hit, Seen, Stat},
    error::FilesError,
    lines::Dialect,
    path::RelPath,
};

/// A node's tree.
#[grid::service(schema)]
pub(crate) trait Files {
    /// The result of `lstat`.
    #[handler(blocking)]
    fn stat(&self, path: RelPath) -> Result<Stat, FilesError>;

    /// Reads bytes of a file: at most 1 MiB per call, none at its end.
    #[handler(blocking)]
    fn read(&self, path: RelPath, offset: u64, len: u64) -> Result<Bytes, FilesError>;

    /// All entries in and below a path, in the order of paths.
    // Compact: field names would make up most of a listing's bytes.
    #[handler(compact, outgoing = 256)]
    async fn walk(
        &self,
        request: WalkRequest,
        out: Outgoing<Seen<Entry>>,
    ) -> Result<(), FilesError>;

    /// All matching lines, in the order of paths and line numbers.
    #[handler(compact, outgoing = 256)]
    async fn search(
        &self,
        request: SearchRequest,
        out: Outgoing<Seen<Hit>>,
    ) -> Result<(), FilesError>;
}

/// The trees of all nodes, through the one that is called. `nodes` are the names of those to call; empty means all.
#[grid::service(schema)]
pub(crate) trait Ask {
    /// [`Files::walk`] of all nodes, merged in the order of paths. A node that fails becomes a [`Seen::Skipped`].
    #[handler(compact, outgoing = 256)]
    async fn walk_all(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        request: WalkRequest,
        out: Outgoing<Seen<Entry>>,
    ) -> Result<(), FilesError>;

    /// [`Files::search`] of all nodes, merged in the same way.
    #[handler(compact, outgoing = 256)]
    async fn search_all(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        request: SearchRequest,
        out: Outgoing<Seen<Hit>>,
    ) -> Result<(), FilesError>;

    /// The content of a file, in pieces, from the first node that has it.
    #[handler(outgoing = 4)]
    async fn cat(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        path: RelPath,
        out: Outgoing<Bytes>,
    ) -> Result<(), FilesError>;
}

/// What to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WalkRequest {
    /// Empty for everything.
    pub(crate) path: RelPath,
}

/// What to search for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SearchRequest {
    /// See [`crate::lines`] for its syntax.
    pub(crate) pattern: String,
    /// Empty for everything.
    pub(crate) path: RelPath,
    /// How the pattern is interpreted.
    #[serde(default)]
    pub(crate) dialect: Dialect,
}

/// The caller has left. Ends the handler of a pushed stream, by `?` on `send`.
impl From<grid::Closed> for FilesError {
    fn from(_: grid::Closed) -> Self {
        Self::Aborted { reason: "the caller has left".to_owned() }
    }
}
