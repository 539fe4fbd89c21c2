//! [`Client`]: finds the leader, follows it when it changes, and repeats what may be repeated.

mod access;
mod attempt;
mod error;
mod leader;
mod session;
mod streams;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, Manager};
use tokio::time::Instant;

use self::access::Access;
pub use self::error::{ClientError, Refusal};
use self::leader::Leader;
use self::session::Sessions;
pub use self::streams::{Scan, Watch};
use crate::model::{Expect, Item, Op, Outcome, Write, refused};
use crate::service::{
    ClusterClient, Consistency, GetRequest, GetResponse, KvClient, KvError, Status, put,
};

/// The time that an operation has, if nothing else is set. A failover takes one to two seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client of a store. Clones share their connections and sessions.
///
/// Every operation finds the leader: a node that is not it says who is. When the leader is lost, the other nodes are asked until one
/// of them leads. Reads are repeated freely. A write has a session and a sequence number, so that it is applied once however often it
/// is sent. When the time of an operation is over, it fails with [`ClientError::Deadline`], which says whether it may have been done.
///
/// Dropping the future of an operation cancels it: a write may have been applied or not.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
    timeout: Duration,
}

#[derive(Debug)]
struct Inner {
    access: Access,
    leader: Mutex<Leader>,
    sessions: Sessions,
}

/// What a write has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its revision, or the latest one if it has changed nothing.
    pub revision: u64,
    /// How many keys it has written or deleted.
    pub changed: u64,
}

impl Client {
    /// A client that is a guest of the nodes with these names. Connects when it has to. `configure` sets the secret, and TLS.
    pub fn guest<N: Into<String>>(
        nodes: impl IntoIterator<Item = N>,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        Self::new(Access::guest(configure), nodes)
    }

    /// A client inside a node of the same grid, over the links that it has.
    pub fn of_node<N: Into<String>>(manager: &Manager, nodes: impl IntoIterator<Item = N>) -> Self {
        Self::new(Access::Node(manager.clone()), nodes)
    }

    fn new<N: Into<String>>(access: Access, nodes: impl IntoIterator<Item = N>) -> Self {
        let leader = Leader::new(nodes.into_iter().map(Into::into).collect());
        let inner = Inner { access, leader: Mutex::new(leader), sessions: Sessions::default() };
        Self { inner: Arc::new(inner), timeout: TIMEOUT }
    }

    /// Sets the time that each operation has. Default: 10 seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`ClientError::Deadline`] if no node has answered in time, and [`ClientError::Call`] or [`ClientError::Refused`] if
    /// another attempt would not help.
    pub async fn get(
        &self,
        key: impl Into<String>,
        consistency: Consistency,
    ) -> Result<Option<Item>, ClientError> {
        Ok(self.read(GetRequest { key: key.into(), consistency }).await?.item)
    }

    /// The latest revision, of all that was acknowledged before.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn revision(&self) -> Result<u64, ClientError> {
        Ok(self
            .read(GetRequest { key: String::new(), consistency: Default::default() })
            .await?
            .revision)
    }

    async fn read(&self, request: GetRequest) -> Result<GetResponse, ClientError> {
        let get = |kv: KvClient, left| {
            let request = request.clone();
            async move { kv.get(request).timeout(left).await }
        };
        self.attempts(self.deadline()).of_read().run(get).await
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As for [`batch`](Self::batch).
    pub async fn put(
        &self,
        key: impl Into<String>,
        value: impl Into<Bytes>,
    ) -> Result<Written, ClientError> {
        self.batch(vec![put(key, value)]).await
    }

    /// Deletes a key. [`Written::changed`] is zero if there was none.
    ///
    /// # Errors
    /// As for [`batch`](Self::batch).
    pub async fn delete(&self, key: impl Into<String>) -> Result<Written, ClientError> {
        self.batch(vec![Op::Delete { key: key.into() }]).await
    }

    /// Writes a key if it is as expected, or deletes it if there is no value.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] if it is not, and as for [`batch`](Self::batch).
    pub async fn compare_and_swap(
        &self,
        key: impl Into<String>,
        expect: Expect,
        value: Option<Bytes>,
    ) -> Result<Written, ClientError> {
        let key = key.into();
        let change = match value {
            Some(value) => put(key.clone(), value),
            None => Op::Delete { key: key.clone() },
        };
        self.batch(vec![Op::Check { key, expect }, change]).await
    }

    /// Applies operations completely or not at all, once.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] if a check fails; [`ClientError::Refused`] if the batch is too large; [`ClientError::Deadline`]
    /// if it was not acknowledged in time; [`ClientError::Unknown`] if it was repeated for so long that its session was forgotten.
    pub async fn batch(&self, ops: Vec<Op>) -> Result<Written, ClientError> {
        // As a node would, and a value may be too long for a message.
        if let Some(reason) = refused(&ops) {
            return Err(ClientError::Refused(KvError::TooLarge { reason }));
        }
        let mut attempts = self.attempts(self.deadline());
        let mut session = self.inner.sessions.take();
        loop {
            let (id, sequence) = match session {
                Some((id, sequence)) => (id, sequence + 1),
                None => (
                    attempts.run(|kv, left| async move { kv.open().timeout(left).await }).await?,
                    1,
                ),
            };
            attempts.begin();
            let write = Write { session: id, sequence, ops: ops.clone() };
            let call = |kv: KvClient, left| {
                let write = write.clone();
                async move { kv.write(write).timeout(left).await }
            };
            let outcome = attempts.run(call).await;
            if !matches!(outcome, Ok(Outcome::Expired)) {
                // Also after a failure: a later write of the session prevents that this one is applied after it.
                self.inner.sessions.give((id, sequence));
            }
            return match outcome? {
                Outcome::Applied { revision, changed } => Ok(Written { revision, changed }),
                Outcome::Conflict { key, found } => Err(ClientError::Conflict { key, found }),
                Outcome::Expired if !attempts.may_have_run() => {
                    session = None;
                    continue;
                }
                Outcome::Expired
                | Outcome::Outdated
                | Outcome::Nothing
                | Outcome::Opened { .. } => Err(ClientError::Unknown),
            };
        }
    }

    /// Asks one node what it knows of the group.
    ///
    /// # Errors
    /// As for [`get`](Self::get); no other node is asked.
    pub async fn status(&self, node: &str) -> Result<Status, ClientError> {
        let kv = KvClient::new(self.inner.access.connect(node, self.timeout).await?);
        kv.status().timeout(self.timeout).await.map_err(ClientError::from)
    }

    /// Adds a node to the group, or removes it if there is no name. For operators.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and [`ClientError::Refused`] if the group refuses the change: with [`KvError::Invalid`] if no node
    /// can have that name, or if the one to remove is no member.
    pub async fn change_member(&self, id: u64, name: Option<String>) -> Result<(), ClientError> {
        let change = |kv: KvClient, left| {
            let name = name.clone();
            let cluster = ClusterClient::new(kv.connection().clone());
            async move {
                match name {
                    Some(name) => cluster.add(id, name).timeout(left).await,
                    None => cluster.remove(id).timeout(left).await,
                }
            }
        };
        let mut attempts = self.attempts(self.deadline()).with_all_of_the_time();
        match attempts.run(change).await {
            // By an attempt whose answer was lost.
            Err(ClientError::Refused(KvError::Invalid { .. }))
                if name.is_none() && attempts.may_have_run() =>
            {
                Ok(())
            }
            done => done,
        }
    }

    /// The nodes that the client knows: those it was given, and leaders that it was told.
    pub fn nodes(&self) -> Vec<String> {
        self.lock_leader().nodes()
    }
}
