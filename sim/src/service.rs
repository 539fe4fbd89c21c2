//! The service that all nodes serve and call: each shape of a call, and handlers that do what a [`Job`] says.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use grid::{Closed, Context, Incoming, InputError, Outgoing};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// What a call asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Identifies the call in the run.
    pub(crate) id: u64,
    /// Before the answer, and between items.
    pub(crate) pause: Duration,
    /// Items that the handler sends, or reads at most.
    pub(crate) items: u32,
    /// Of each item, and of the answer.
    pub(crate) bytes: u32,
    pub(crate) end: End,
    /// The handler calls its caller back.
    pub(crate) calls_back: bool,
    /// Which value of [`METADATA`] the handler must see.
    pub(crate) metadata: Option<u64>,
    /// Whether it is sent to the instance at [`SUBROUTE`].
    pub(crate) has_subroute: bool,
    /// Of `content`.
    pub(crate) request_bytes: u32,
    pub(crate) content: Bytes,
}

/// The key of the metadata that some calls carry.
pub(crate) const METADATA: &str = "call";

/// The path of a second instance of the service.
pub(crate) const SUBROUTE: &str = "second";

/// How a handler ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Well,
    Fails,
    Panics,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) id: u64,
    /// Items of the input that the handler has read.
    pub(crate) items: u32,
    pub(crate) content: Bytes,
}

/// An item of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) index: u32,
    pub(crate) content: Bytes,
}

impl Item {
    pub(crate) fn new(id: u64, index: u32, bytes: u32) -> Self {
        Self { id, index, content: content(id, Part::Item(index), bytes) }
    }
}

/// The error of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the job says so")]
    Asked,
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Input(#[from] InputError),
}

/// The largest content.
pub(crate) const CONTENT_BYTES_MAX: usize = 2 << 20;

/// A part of a call that has bytes of its own.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Part {
    Request,
    Answer,
    Item(u32),
}

/// The bytes of one part of a call, which are unlikely to be equal to those of another part: a piece of random bytes that
/// starts at a place of its own.
pub(crate) fn content(id: u64, part: Part, bytes: u32) -> Bytes {
    const PLACES: usize = 1 << 20;
    static ALL: LazyLock<Bytes> = LazyLock::new(|| {
        let mut bytes = vec![0; CONTENT_BYTES_MAX + PLACES];
        StdRng::seed_from_u64(0).fill_bytes(&mut bytes);
        bytes.into()
    });
    let mut hasher = DefaultHasher::new();
    (id, part).hash(&mut hasher);
    let start = hasher.finish() as usize % PLACES;
    ALL.slice(start..start + (bytes as usize).min(CONTENT_BYTES_MAX))
}

/// Waits, if there is something to wait for: a timer of no time waits for the next millisecond.
pub(crate) async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// With ids that nodes of the base protocol can call.
#[grid::service]
pub(crate) trait Work {
    #[handler(id = 101)]
    async fn run(&self, cx: &Context, job: Job) -> Result<Done, Failure>;
    /// May run more than once.
    #[handler(id = 102, idempotent)]
    async fn look(&self, cx: &Context, job: Job) -> Result<Done, Failure>;
    #[handler(id = 103, blocking)]
    fn compute(&self, cx: &Context, job: Job) -> Result<Done, Failure>;
    #[handler(id = 104, inline)]
    async fn note(&self, cx: &Context, job: Job) -> Result<(), Failure>;
    #[handler(id = 105)]
    async fn list(&self, cx: &Context, job: Job, out: Outgoing<Item>) -> Result<(), Failure>;
    #[handler(id = 106)]
    async fn gather(&self, cx: &Context, job: Job, input: Incoming<Item>) -> Result<Done, Failure>;
    #[handler(id = 107, incoming = 8, outgoing = 8)]
    async fn talk(
        &self,
        cx: &Context,
        job: Job,
        input: Incoming<Item>,
        out: Outgoing<Item>,
    ) -> Result<(), Failure>;
}
