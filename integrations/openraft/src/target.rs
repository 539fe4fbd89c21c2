//! [`Target`]: one node of a group, as its clients call it.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use grid::{Call, CallError, CodecError, Manager, Raw, RemoteError};
use openraft::errors::{RPCError, Timeout, Unreachable};
use openraft::{RPCTypes, RaftTypeConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::rpc_error;
use crate::wire::{WireClient, decode, encode};

/// A node of a group, from the point of view of another one.
#[derive(Debug, Clone)]
pub(crate) struct Target<C: RaftTypeConfig> {
    pub(crate) manager: Manager,
    /// The subroute of the group.
    pub(crate) path: Arc<str>,
    /// The node that calls.
    pub(crate) id: C::NodeId,
    /// The node that is called, and its name in the grid.
    pub(crate) target: C::NodeId,
    pub(crate) host: String,
}

impl<C: RaftTypeConfig> Target<C> {
    /// The client of the group's service. Looked up for each call: a node that leaves and comes back has a new connection.
    pub(crate) fn client(&self) -> Result<WireClient, RPCError<C>> {
        let connection = self.manager.connection(&self.host);
        let connection = connection.map_err(|unknown| Unreachable::new(&unknown))?;
        Ok(WireClient::new(connection).subroute(&self.path))
    }

    /// Makes a single request within the soft time limit.
    pub(crate) async fn call<A: DeserializeOwned>(
        &self,
        action: RPCTypes,
        ttl: Duration,
        request: &impl Serialize,
        method: impl FnOnce(&WireClient, Raw) -> Call<Raw, RemoteError>,
    ) -> Result<A, RPCError<C>> {
        let failed = |error| self.error(action, error);
        let request = encode(request).map_err(|error| self.unencodable(action, error))?;
        let answer = method(&self.client()?, request).timeout(ttl).await.map_err(failed)?;
        decode(&answer).map_err(|error| failed(CallError::Decode(error)))
    }

    /// Waits for a step of a stream. A deadline of grid would end the whole stream.
    pub(crate) async fn within<T>(
        &self,
        action: RPCTypes,
        ttl: Duration,
        step: impl Future<Output = Result<T, CallError<RemoteError>>>,
    ) -> Result<T, RPCError<C>> {
        match tokio::time::timeout(ttl, step).await {
            Ok(done) => done.map_err(|error| self.error(action, error)),
            Err(_) => Err(self.late(action, ttl)),
        }
    }

    /// The error of a step that took longer than `timeout`.
    pub(crate) fn late(&self, action: RPCTypes, timeout: Duration) -> RPCError<C> {
        let (id, target) = (self.id.clone(), self.target.clone());
        Timeout { action, id, target, timeout }.into()
    }

    /// The error of what cannot be encoded, or does not fit into a message.
    pub(crate) fn unencodable(
        &self,
        action: RPCTypes,
        error: impl Error + Send + Sync + 'static,
    ) -> RPCError<C> {
        self.error(action, CallError::Encode(CodecError::new(error)))
    }

    /// As openraft wants it from a network, which cannot return errors of the other node: they are fatal to its raft, so they are
    /// `Unreachable`, as in openraft's `decompose`.
    pub(crate) fn error(&self, action: RPCTypes, error: CallError<RemoteError>) -> RPCError<C> {
        match rpc_error(error, action, self.id.clone(), self.target.clone()) {
            RPCError::Timeout(late) => late.into(),
            RPCError::Unreachable(unreachable) => unreachable.into(),
            RPCError::Network(lost) => lost.into(),
            RPCError::RemoteError(remote) => Unreachable::new(&remote).into(),
        }
    }
}
