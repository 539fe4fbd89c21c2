//! `Ask`: this node calls all nodes, itself included, and passes on their answers.
//!
//! It calls itself over the loopback link, with the same client and without a socket, so that no special case is
//! needed.

use bytes::Bytes;
use futures_util::StreamExt;
use grid::{Context, Outgoing};

use crate::{
    entry::{Entry, Hit, Seen},
    error::FilesError,
    path::RelPath,
    peers::{self, Merged, Peer},
    service::{Ask, SearchRequest, WalkRequest},
    tree::READ_BYTES_MAX,
};

/// Calls the nodes of a cluster.
#[derive(Debug)]
pub(crate) struct Everybody {
    /// The names of the nodes. Consoles have names as well, but no trees.
    nodes: Vec<String>,
}

impl Everybody {
    /// Creates the service that calls these nodes.
    pub(crate) fn new(nodes: Vec<String>) -> Self {
        Self { nodes }
    }

    /// The nodes of the given names, or all of them.
    fn pick(&self, cx: &Context, names: &[String]) -> Result<Vec<Peer>, FilesError> {
        let unknown = |name: &String| FilesError::Peer {
            peer: name.clone(),
            reason: "not a node of this cluster".to_owned(),
        };
        if let Some(name) = names.iter().find(|name| !self.nodes.contains(name)) {
            return Err(unknown(name));
        }
        let names = if names.is_empty() { &self.nodes } else { names };
        let peer = |name: &String| cx.connection(name).map(Peer::new).map_err(|_| unknown(name));
        names.iter().map(peer).collect()
    }

    /// Returns the first node that has the file. The error of a node that cannot be reached matters only if none has
    /// it.
    async fn owner(
        &self,
        cx: &Context,
        nodes: &[String],
        path: &RelPath,
    ) -> Result<Peer, FilesError> {
        let mut missing = FilesError::NotFound { path: path.clone() };
        for peer in self.pick(cx, nodes)? {
            match peer.files.stat(path.clone()).await.map_err(|e| peer.error(e)) {
                Ok(_) => return Ok(peer),
                Err(FilesError::NotFound { .. }) => {}
                Err(error) => missing = error,
            }
        }
        Err(missing)
    }
}

impl Ask for Everybody {
    async fn walk_all(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        request: WalkRequest,
        out: Outgoing<Seen<Entry>>,
    ) -> Result<(), FilesError> {
        pass_on(peers::walk(self.pick(cx, &nodes)?, &request).await?, out).await
    }

    async fn search_all(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        request: SearchRequest,
        out: Outgoing<Seen<Hit>>,
    ) -> Result<(), FilesError> {
        pass_on(peers::search(self.pick(cx, &nodes)?, &request).await?, out).await
    }

    async fn cat(
        &self,
        cx: &Context,
        nodes: Vec<String>,
        path: RelPath,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), FilesError> {
        let owner = self.owner(cx, &nodes, &path).await?;
        let mut offset = 0;
        loop {
            let part = owner.files.read(path.clone(), offset, READ_BYTES_MAX as u64).await;
            let part = part.map_err(|e| owner.error(e))?;
            if part.is_empty() {
                return Ok(());
            }
            offset += part.len() as u64;
            out.send(part).await?;
        }
    }
}

/// Forwards a stream. When the caller leaves, this future is dropped, and with it the calls to the peers.
async fn pass_on<T: Send>(
    mut from: Merged<T>,
    mut out: Outgoing<Seen<T>>,
) -> Result<(), FilesError> {
    while let Some(seen) = from.next().await {
        out.send(seen).await?;
    }
    Ok(())
}
