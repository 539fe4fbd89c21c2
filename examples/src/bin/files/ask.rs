//! `Ask`: this node calls all nodes, itself included, and passes on their answers.
//!
//! It calls itself over the loopback link, with the same client and without a socket, so that no special case is
//! needed.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::StreamExt;
use grid::Outgoing;

use crate::{
    entry::{Entry, Hit, Seen},
    error::FilesError,
    path::RelPath,
    peers::{self, Merged, Peer},
    service::{Ask, SearchRequest, WalkRequest},
    tree::READ_BYTES_MAX,
};

/// Calls the nodes of a cluster. Cloned: one is the service, the other is for [`Everybody::meet`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Everybody {
    /// Set once the manager exists. The manager's builder takes the services first.
    peers: Arc<OnceLock<Vec<Peer>>>,
}

impl Everybody {
    /// Sets the nodes to call. Only the first call has an effect.
    pub(crate) fn meet(&self, peers: Vec<Peer>) {
        let _ = self.peers.set(peers);
    }

    /// The nodes of the given names, or all of them.
    fn pick(&self, nodes: &[String]) -> Result<Vec<Peer>, FilesError> {
        let all = self.peers.get().map_or(&[][..], Vec::as_slice);
        if nodes.is_empty() {
            return Ok(all.to_vec());
        }
        let named = |name: &String| {
            let unknown = || FilesError::Peer {
                peer: name.clone(),
                reason: "not a node of this cluster".to_owned(),
            };
            all.iter().find(|peer| peer.name == *name).cloned().ok_or_else(unknown)
        };
        nodes.iter().map(named).collect()
    }

    /// Returns the first node that has the file. The error of a node that cannot be reached matters only if none has
    /// it.
    async fn owner(&self, nodes: &[String], path: &RelPath) -> Result<Peer, FilesError> {
        let mut missing = FilesError::NotFound { path: path.clone() };
        for peer in self.pick(nodes)? {
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
        nodes: Vec<String>,
        request: WalkRequest,
        out: Outgoing<Seen<Entry>>,
    ) -> Result<(), FilesError> {
        pass_on(peers::walk(self.pick(&nodes)?, &request).await?, out).await
    }

    async fn search_all(
        &self,
        nodes: Vec<String>,
        request: SearchRequest,
        out: Outgoing<Seen<Hit>>,
    ) -> Result<(), FilesError> {
        pass_on(peers::search(self.pick(&nodes)?, &request).await?, out).await
    }

    async fn cat(
        &self,
        nodes: Vec<String>,
        path: RelPath,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), FilesError> {
        let owner = self.owner(&nodes, &path).await?;
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
