//! `Ask`: this node asks all others, and itself, and passes on what they answer.
//!
//! Itself it asks over the loopback: the same client, no socket, so that it is not a case of its own.

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

/// Asks the nodes of a cluster. Cloned: one for the service, and one to [`Everybody::meet`] them by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Everybody {
    /// Set once the manager is there, which in turn wants its services first.
    peers: Arc<OnceLock<Vec<Peer>>>,
}

impl Everybody {
    /// Says who there is to ask. Only the first call counts.
    pub(crate) fn meet(&self, peers: Vec<Peer>) {
        let _ = self.peers.set(peers);
    }

    /// Those of the given names, or all.
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

    /// The first node that has the file. One that cannot be asked matters only if nobody else has it.
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

/// From stream to stream. When the caller leaves this future is dropped, and with it the calls to the peers.
async fn pass_on<T: Send>(
    mut from: Merged<T>,
    mut out: Outgoing<Seen<T>>,
) -> Result<(), FilesError> {
    while let Some(seen) = from.next().await {
        out.send(seen).await?;
    }
    Ok(())
}
