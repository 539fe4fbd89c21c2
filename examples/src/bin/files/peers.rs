//! Calls `Files` on several nodes at once and merges the answers. Used by `ask` and by the demo.
//!
//! Each node has a part of the tree, so most of them do not have a given path. That is an error only if none has it.

use futures_util::{
    Stream, StreamExt,
    future::join_all,
    stream::{self, BoxStream},
};
use grid::{CallError, Connection};

use crate::{
    entry::{Entry, HasPath, Hit, Seen, Skipped},
    error::{FilesError, chain},
    merge::merge,
    path::RelPath,
    service::{FilesClient, SearchRequest, WalkRequest},
};

/// A node to call.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The node's name.
    pub(crate) name: String,
    /// A client for its tree.
    pub(crate) files: FilesClient,
}

/// The merged items of several nodes, in the order of paths.
pub(crate) type Merged<T> = BoxStream<'static, Seen<T>>;

impl Peer {
    /// The node at the other end of a connection.
    pub(crate) fn new(connection: Connection) -> Self {
        Self { name: connection.peer().to_owned(), files: FilesClient::new(connection) }
    }

    /// Converts the error of a call to this node: the handler's own error, or one that says that the node cannot be
    /// reached.
    pub(crate) fn error(&self, error: CallError<FilesError>) -> FilesError {
        match error {
            CallError::Handler(error) => error,
            CallError::Disconnected { reason, .. } => {
                self.failure(format!("disconnected: {reason}"))
            }
            other => self.failure(chain(&other)),
        }
    }

    fn failure(&self, reason: String) -> FilesError {
        FilesError::Peer { peer: self.name.clone(), reason }
    }

    /// Reads the first item, which is an error if the node does not have the path. If the node cannot be reached or
    /// fails later, the last item says so.
    async fn listen<T, S>(
        self,
        opened: Result<S, CallError<FilesError>>,
    ) -> Result<Merged<T>, FilesError>
    where
        T: HasPath + Send + 'static,
        S: Stream<Item = Result<Seen<T>, CallError<FilesError>>> + Send + 'static,
    {
        let mut items = match opened {
            Ok(items) => items.boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        };
        let first = match items.next().await {
            None => return Ok(stream::empty().boxed()),
            Some(Err(CallError::Handler(error))) => return Err(error),
            Some(first) => first,
        };
        let last_path = RelPath::default();
        let seen = stream::once(async { first }).chain(items).scan(last_path, move |last, item| {
            let seen = item.unwrap_or_else(|error| {
                let reason = format!("the rest is missing: {}", self.error(error));
                Seen::Skipped(Skipped { path: last.clone(), reason })
            });
            last.clone_from(seen.path());
            std::future::ready(Some(seen))
        });
        Ok(seen.boxed())
    }
}

/// Merges [`crate::service::Files::walk`] of all `peers`.
pub(crate) async fn walk(
    peers: Vec<Peer>,
    request: &WalkRequest,
) -> Result<Merged<Entry>, FilesError> {
    let asked = peers.into_iter().map(async |peer| {
        let opened = peer.files.walk(request.clone()).await;
        peer.listen(opened).await
    });
    together(join_all(asked).await, &request.path)
}

/// Merges [`crate::service::Files::search`] of all `peers`.
pub(crate) async fn search(
    peers: Vec<Peer>,
    request: &SearchRequest,
) -> Result<Merged<Hit>, FilesError> {
    let asked = peers.into_iter().map(async |peer| {
        let opened = peer.files.search(request.clone()).await;
        peer.listen(opened).await
    });
    together(join_all(asked).await, &request.path)
}

/// Drops the nodes that do not have the path. Any other error (such as a bad pattern) is the error of the whole.
fn together<T: HasPath + Send + 'static>(
    answers: Vec<Result<Merged<T>, FilesError>>,
    path: &RelPath,
) -> Result<Merged<T>, FilesError> {
    let mut streams = Vec::new();
    for answer in answers {
        match answer {
            Ok(stream) => streams.push(stream),
            Err(FilesError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if streams.is_empty() {
        return Err(FilesError::NotFound { path: path.clone() });
    }
    Ok(merge(streams).boxed())
}
