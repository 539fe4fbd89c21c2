//! The service that these tests call, and its implementation.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, Stream, StreamExt as _, future, stream};
#[cfg(feature = "json")]
use grid::Json;
use grid::{BoxStream, Closed, Context, Incoming, InputError, Outgoing, Raw, RemoteError};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) size: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum DiskError {
    NotFound { name: String },
    Gone,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name } => write!(f, "no volume {name}"),
            Self::Gone => f.write_str("nobody listens"),
        }
    }
}

impl From<Closed> for DiskError {
    fn from(_: Closed) -> Self {
        Self::Gone
    }
}

impl From<InputError> for DiskError {
    fn from(_: InputError) -> Self {
        Self::Gone
    }
}

type TextResult<T> = Result<T, RemoteError>;

mod alias {
    /// An alias with the name `Result` is recognised as one.
    pub(crate) type Result<T, E = super::DiskError> = std::result::Result<T, E>;
}

/// One node's disks.
#[grid::service]
pub(crate) trait Disk {
    /// Single request.
    async fn stat(&self, cx: &Context, volume: String) -> Result<Volume, DiskError>;
    async fn uptime(&self) -> Duration;
    async fn reset(&self);
    #[handler(id = 9, timeout = "5s")]
    async fn rename(
        &self,
        from: String,
        to: String,
        force: Option<bool>,
        #[default] tries: u32,
    ) -> Result<String, RemoteError>;
    async fn aliased(&self, fail: bool) -> alias::Result<u8>;
    async fn raw(&self, data: Raw) -> Raw;
    #[cfg(feature = "json")]
    async fn json(&self, value: Json<Volume>) -> Json<Volume>;
    async fn bytes(&self, data: Bytes) -> Bytes;
    async fn limited(&self, limit: Option<u32>) -> Option<u32>;
    #[handler(compact, inline)]
    async fn packed(&self, volume: Volume, twice: bool) -> Volume;
    fn by_hand(&self, n: u32) -> impl Future<Output = u32> + Send;
    async fn provided(&self, n: u32) -> u32 {
        if n == 0 {
            return 7;
        }
        self.by_hand(n).await + 1
    }
    async fn hang(&self);
    async fn crash(&self) -> u8;

    #[handler(outgoing = 4)]
    async fn walk(
        &self,
        cx: &Context,
        names: Vec<String>,
        out: Outgoing<Volume>,
    ) -> Result<(), DiskError>;
    async fn count_to(&self, n: u32, out: Outgoing<u32>);
    #[handler(outgoing = 4)]
    async fn flood(&self, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn tail(
        &self,
        from: u64,
    ) -> Result<impl Stream<Item = Result<u64, DiskError>> + Send, DiskError>;
    async fn names(&self, cx: &Context) -> impl Stream<Item = String>;
    async fn checked(&self) -> impl Stream<Item = Result<u8, DiskError>> + Send;
    async fn boxed(&self) -> Result<BoxStream<u8>, RemoteError>;
    async fn aliased_stream(&self) -> alias::Result<impl Stream<Item = alias::Result<u8>>>;

    #[handler(incoming = 16)]
    async fn upload(&self, head: Volume, input: Incoming<Bytes>) -> Result<u64, DiskError>;
    async fn sink(&self, input: Incoming<()>);
    #[handler(incoming = 4)]
    async fn ignore(&self, input: Incoming<u8>);
    async fn total(&self, cx: &Context, input: Incoming<u32>) -> u32;

    #[handler(incoming = 16, outgoing = 16)]
    async fn sync(
        &self,
        add: u32,
        input: Incoming<u32>,
        out: Outgoing<u32>,
    ) -> Result<(), DiskError>;
    async fn map(&self, input: Incoming<u32>) -> Result<impl Stream<Item = u32>, RemoteError>;
}

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) calls: AtomicU32,
    pub(crate) names: Vec<String>,
    pub(crate) dropped: Arc<Mutex<Vec<&'static str>>>,
}

struct NoteDrop(Arc<Mutex<Vec<&'static str>>>, &'static str);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0
            .lock()
            .expect("not poisoned, because no test panics while it holds the lock")
            .push(self.1);
    }
}

impl Disk for Fake {
    async fn stat(&self, cx: &Context, volume: String) -> Result<Volume, DiskError> {
        let _ = cx.subroute();
        if volume == "missing" {
            return Err(DiskError::NotFound { name: volume });
        }
        Ok(Volume { name: volume, size: 1 << 40 })
    }

    async fn uptime(&self) -> Duration {
        Duration::from_millis(1500)
    }

    async fn reset(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    async fn rename(
        &self,
        from: String,
        to: String,
        force: Option<bool>,
        tries: u32,
    ) -> TextResult<String> {
        if from == to {
            return Err(RemoteError::new("the same name"));
        }
        Ok(format!("{from} {to} {force:?} {tries}"))
    }

    async fn aliased(&self, fail: bool) -> alias::Result<u8> {
        if fail { Err(DiskError::Gone) } else { Ok(3) }
    }

    async fn raw(&self, data: Raw) -> Raw {
        data
    }

    #[cfg(feature = "json")]
    async fn json(&self, value: Json<Volume>) -> Json<Volume> {
        value
    }

    async fn bytes(&self, data: Bytes) -> Bytes {
        data
    }

    async fn limited(&self, limit: Option<u32>) -> Option<u32> {
        limit
    }

    async fn packed(&self, volume: Volume, twice: bool) -> Volume {
        Volume { size: volume.size * if twice { 2 } else { 1 }, ..volume }
    }

    async fn by_hand(&self, n: u32) -> u32 {
        n * 2
    }

    async fn hang(&self) {
        let _note = NoteDrop(self.dropped.clone(), "hang");
        future::pending().await
    }

    async fn crash(&self) -> u8 {
        panic!("on purpose")
    }

    async fn walk(
        &self,
        _: &Context,
        names: Vec<String>,
        mut out: Outgoing<Volume>,
    ) -> Result<(), DiskError> {
        let _note = NoteDrop(self.dropped.clone(), "walk");
        for name in names {
            match name.as_str() {
                "missing" => return Err(DiskError::NotFound { name }),
                "for ever" => out.closed().await,
                _ => out.send(Volume { name, size: 1 }).await?,
            }
        }
        Ok(())
    }

    async fn count_to(&self, n: u32, mut out: Outgoing<u32>) {
        let _ = out.send_all(&mut stream::iter((0..n).map(Ok))).await;
    }

    async fn flood(&self, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        loop {
            out.send(self.calls.fetch_add(1, Ordering::Relaxed)).await?;
        }
    }

    async fn tail(
        &self,
        from: u64,
    ) -> Result<impl Stream<Item = Result<u64, DiskError>> + Send, DiskError> {
        if from > 10 {
            return Err(DiskError::Gone);
        }
        Ok(stream::iter(from..12).map(|n| if n == 11 { Err(DiskError::Gone) } else { Ok(n) }))
    }

    async fn names(&self, cx: &Context) -> impl Stream<Item = String> {
        // Borrows both the service and the context.
        stream::iter(&self.names).map(|name| format!("{}{name}", cx.subroute().unwrap_or_default()))
    }

    async fn checked(&self) -> impl Stream<Item = Result<u8, DiskError>> + Send {
        stream::iter([Ok(1), Err(DiskError::Gone), Ok(2)])
    }

    async fn boxed(&self) -> Result<BoxStream<u8>, RemoteError> {
        Ok(stream::iter([1, 2, 3]).boxed())
    }

    async fn aliased_stream(&self) -> alias::Result<impl Stream<Item = alias::Result<u8>>> {
        Ok(stream::iter([Ok(5), Err(DiskError::Gone)]))
    }

    async fn upload(&self, head: Volume, mut input: Incoming<Bytes>) -> Result<u64, DiskError> {
        let mut size = head.size;
        while let Some(part) = input.next().await {
            size += part?.len() as u64;
        }
        if size == 0 { Err(DiskError::NotFound { name: head.name }) } else { Ok(size) }
    }

    async fn sink(&self, mut input: Incoming<()>) {
        while let Some(Ok(())) = input.next().await {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ignore(&self, _input: Incoming<u8>) {
        let _note = NoteDrop(self.dropped.clone(), "ignore");
        future::pending().await
    }

    async fn total(&self, _: &Context, input: Incoming<u32>) -> u32 {
        input.filter_map(|item| future::ready(item.ok())).fold(0, |a, b| async move { a + b }).await
    }

    async fn sync(
        &self,
        add: u32,
        mut input: Incoming<u32>,
        mut out: Outgoing<u32>,
    ) -> Result<(), DiskError> {
        while let Some(number) = input.next().await {
            let number = number?;
            if number == 13 {
                return Err(DiskError::NotFound { name: number.to_string() });
            }
            out.send(number + add).await?;
        }
        Ok(())
    }

    async fn map(&self, input: Incoming<u32>) -> Result<impl Stream<Item = u32>, RemoteError> {
        Ok(input.filter_map(|item| future::ready(item.ok())).map(|n| n * 10))
    }
}

pub(crate) fn volume(name: &str) -> Volume {
    Volume { name: name.into(), size: 0 }
}

/// Yields until the condition holds.
pub(crate) async fn wait_for(condition: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(5), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the condition holds in time");
}
