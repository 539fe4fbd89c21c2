//! Every shape of a method, through client, encoding, table and server, without a link.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, Stream, StreamExt as _, future, stream};
use grid::__private::in_process;
use grid::{
    BoxStream, CallError, Closed, Context, ErrorCode, Incoming, InputError, Json, MethodKind, Mock,
    Outgoing, Raw, RemoteError,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Volume {
    name: String,
    size: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum DiskError {
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
    /// An alias that is called `Result` is one.
    pub(crate) type Result<T, E = super::DiskError> = std::result::Result<T, E>;
}

/// One node's disks.
#[grid::service]
trait Disk {
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
struct Fake {
    calls: AtomicU32,
    names: Vec<String>,
    dropped: Arc<Mutex<Vec<&'static str>>>,
}

struct NoteDrop(Arc<Mutex<Vec<&'static str>>>, &'static str);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.lock().expect("no test panics with it").push(self.1);
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

fn disk() -> DiskClient {
    DiskClient::in_process(Fake { names: vec!["a".into(), "b".into()], ..Fake::default() })
}

fn volume(name: &str) -> Volume {
    Volume { name: name.into(), size: 0 }
}

#[tokio::test]
async fn single_requests() {
    let disk = disk();
    assert_eq!(disk.stat("v".into()).await.unwrap().size, 1 << 40);
    let error = disk.stat("missing".into()).await.unwrap_err();
    assert_eq!(error, CallError::Handler(DiskError::NotFound { name: "missing".into() }));
    assert_eq!(disk.uptime().await.unwrap(), Duration::from_millis(1500));
    disk.reset().await.unwrap();
    assert_eq!(disk.by_hand(4).await.unwrap(), 8);
    assert_eq!(disk.provided(4).await.unwrap(), 9);
    assert_eq!(disk.provided(0).await.unwrap(), 7);
    assert_eq!(disk.aliased(false).await.unwrap(), 3);
    assert_eq!(disk.aliased(true).await.unwrap_err(), CallError::Handler(DiskError::Gone));
}

#[tokio::test]
async fn several_arguments() {
    let disk = disk();
    let text = disk.rename("a".into(), "b".into(), None, 3).await.unwrap();
    assert_eq!(text, "a b None 3");
    let error = disk.rename("a".into(), "a".into(), Some(true), 0).await.unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("the same name")));
    assert_eq!(disk.packed(Volume { size: 4, ..volume("v") }, true).await.unwrap().size, 8);
}

#[tokio::test]
async fn payloads_of_other_kinds() {
    let disk = disk();
    let data = Bytes::from_static(b"\xc1 no msgpack");
    assert_eq!(disk.raw(data.clone().into()).await.unwrap().0, data);
    assert_eq!(disk.bytes(data.clone()).await.unwrap(), data);
    assert_eq!(disk.json(Json(volume("v"))).await.unwrap().0, volume("v"));
    assert_eq!(disk.limited(None).await.unwrap(), None);
    assert_eq!(disk.limited(Some(5)).await.unwrap(), Some(5));
}

#[tokio::test]
async fn a_call_is_a_future_of_its_own() {
    let call = disk().stat("v".into()).timeout(Duration::from_secs(1));
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap().name, "v");
    let disk = disk();
    let all = future::join_all(["a", "b"].map(|name| disk.stat(name.into()))).await;
    assert_eq!(all.len(), 2);
    let mut call = disk.uptime();
    tokio::select! {
        uptime = &mut call => assert!(uptime.is_ok()),
        () = tokio::time::sleep(Duration::from_secs(5)) => panic!("late"),
    }
}

#[tokio::test]
async fn deadlines_and_panics() {
    let disk = disk();
    let error = disk.hang().timeout(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    let error = disk.crash().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::Panicked),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_dropped_call_drops_the_handler() {
    let fake = Fake::default();
    let dropped = fake.dropped.clone();
    let disk = DiskClient::in_process(fake);
    let call = disk.hang();
    tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
    wait_for(|| *dropped.lock().unwrap() == ["hang"]).await;
}

/// Lets others work until it is so.
async fn wait_for(condition: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(5), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it is never so");
}

#[tokio::test]
async fn pushed_streams() {
    let disk = disk();
    let mut entries = disk.walk(vec!["a".into(), "b".into()]).await.unwrap();
    assert_eq!(entries.next().await.unwrap().unwrap().name, "a");
    assert_eq!(entries.next().await.unwrap().unwrap().name, "b");
    assert!(entries.next().await.is_none());

    let entries = disk.walk(vec!["a".into(), "missing".into()]).await.unwrap();
    let entries: Vec<_> = entries.collect().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1], Err(CallError::Handler(DiskError::NotFound { name: "missing".into() })));

    let numbers: Vec<_> = disk.count_to(100).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_stream() {
    let fake = Fake::default();
    let dropped = fake.dropped.clone();
    let disk = DiskClient::in_process(fake);
    let mut entries = disk.walk(vec!["a".into(), "for ever".into()]).await.unwrap();
    entries.next().await.unwrap().unwrap();
    drop(entries);
    wait_for(|| *dropped.lock().unwrap() == ["walk"]).await;
}

#[tokio::test]
async fn senders_wait_for_room() {
    let fake = Arc::new(Fake::default());
    let disk = DiskClient::new(in_process(DiskServer::from_arc(fake.clone())));
    let mut numbers = disk.flood().await.unwrap();
    let quiet = Duration::from_millis(50);
    tokio::time::sleep(quiet).await;
    // The one that is waiting was counted too.
    assert_eq!(fake.calls.load(Ordering::Relaxed), 5);
    for expected in 0..100 {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }

    let (mut input, reply) = disk.ignore().await.unwrap();
    for number in 0..4 {
        input.send(number).await.unwrap();
    }
    tokio::time::timeout(quiet, input.send(4)).await.unwrap_err();
    drop(reply);
    wait_for(|| *fake.dropped.lock().unwrap() == ["ignore"]).await;
    tokio::time::timeout(Duration::from_secs(5), input.closed()).await.unwrap();
}

#[tokio::test]
async fn pulled_streams() {
    let disk = disk();
    let events: Vec<_> = disk.tail(9).await.unwrap().collect().await;
    assert_eq!(events, [Ok(9), Ok(10), Err(CallError::Handler(DiskError::Gone))]);
    let mut events = disk.tail(11).await.unwrap();
    assert_eq!(events.next().await, Some(Err(CallError::Handler(DiskError::Gone))));
    assert_eq!(events.next().await, None);

    let names: Vec<_> = disk.names().await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(names, ["a", "b"]);
    let checked: Vec<_> = disk.checked().await.unwrap().collect().await;
    assert_eq!(checked, [Ok(1), Err(CallError::Handler(DiskError::Gone))]);
    let boxed: Vec<_> = disk.boxed().await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(boxed, [1, 2, 3]);
    let aliased: Vec<_> = disk.aliased_stream().await.unwrap().collect().await;
    assert_eq!(aliased, [Ok(5), Err(CallError::Handler(DiskError::Gone))]);
}

#[tokio::test]
async fn client_streams() {
    let disk = disk();
    let (mut parts, etag) = disk.upload(volume("v")).await.unwrap();
    for part in ["ab", "cde"] {
        parts.send(part.into()).await.unwrap();
    }
    drop(parts);
    assert_eq!(etag.await.unwrap(), 5);

    let (parts, etag) = disk.upload(volume("v")).await.unwrap();
    drop(parts);
    assert_eq!(
        etag.await.unwrap_err(),
        CallError::Handler(DiskError::NotFound { name: "v".into() })
    );

    let (mut ticks, end) = disk.sink().await.unwrap();
    ticks.send(()).await.unwrap();
    ticks.close().await.unwrap();
    end.await.unwrap();

    let (numbers, total) = disk.total().await.unwrap();
    stream::iter(1..=4).map(Ok).forward(numbers).await.unwrap();
    assert_eq!(total.await.unwrap(), 10);
}

#[tokio::test]
async fn two_way_streams() {
    let disk = disk();
    let (mut ops, mut acks) = disk.sync(100).await.unwrap();
    for number in 1..4 {
        ops.send(number).await.unwrap();
        assert_eq!(acks.next().await.unwrap().unwrap(), 100 + number);
    }
    ops.send(13).await.unwrap();
    assert_eq!(
        acks.next().await,
        Some(Err(CallError::Handler(DiskError::NotFound { name: "13".into() })))
    );
    assert_eq!(acks.next().await, None);
    ops.closed().await;
    assert!(ops.send(1).await.is_err());

    let (mut numbers, tens) = disk.map().await.unwrap();
    for number in 1..4 {
        numbers.send(number).await.unwrap();
    }
    drop(numbers);
    let tens: Vec<_> = pin!(tens).map(Result::unwrap).collect().await;
    assert_eq!(tens, [10, 20, 30]);
}

#[tokio::test]
async fn mocks_answer_what_they_are_told() {
    let connection = Mock::new()
        .on(DiskClient::STAT, |(name,)| Ok(Volume { name, size: 5 }))
        .on_server_stream(DiskClient::WALK, |(names,), mut out| async move {
            for name in names {
                out.send(Volume { name, size: 6 }).await?;
            }
            Ok(())
        })
        .on_client_stream(DiskClient::UPLOAD, |(_head,), mut input| async move {
            Ok(input.next().await.map_or(0, |part| part.map_or(0, |part| part.len() as u64)))
        })
        .on_two_way(DiskClient::SYNC, |(add,), mut input, mut out| async move {
            while let Some(number) = input.next().await {
                out.send(number? * add).await?;
            }
            Ok(())
        })
        .connection();
    let disk = DiskClient::new(connection);
    assert_eq!(disk.stat("v".into()).await.unwrap().size, 5);
    assert_eq!(disk.walk(vec!["a".into()]).await.unwrap().next().await.unwrap().unwrap().size, 6);
    let (mut parts, size) = disk.upload(volume("v")).await.unwrap();
    parts.send("abc".into()).await.unwrap();
    assert_eq!(size.await.unwrap(), 3);
    let (mut ops, mut acks) = disk.sync(3).await.unwrap();
    ops.send(5).await.unwrap();
    assert_eq!(acks.next().await.unwrap().unwrap(), 15);

    let error = disk.uptime().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::UnknownHandler),
        "{error:?}"
    );
}

#[test]
fn constants_tell_what_the_contract_is() {
    let stat = DiskClient::STAT.info();
    assert_eq!((stat.service(), stat.name(), stat.id().get()), ("Disk", "stat", 0x9a95_2873));
    assert_eq!(stat.id(), grid::HandlerId::derive("Disk/stat"));
    assert_eq!(stat.docs(), "Single request.");
    assert_eq!(stat.arguments(), [("volume", "String")]);
    assert_eq!(stat.returns(), "Result<Volume, DiskError>");
    assert_eq!(stat.kind(), MethodKind::Single);

    let rename = DiskClient::RENAME.info();
    assert_eq!((rename.id().get(), rename.timeout()), (9, Some(Duration::from_secs(5))));
    assert!(DiskClient::PACKED.info().is_inline());

    let walk = DiskClient::WALK.info();
    assert_eq!((walk.capacities().incoming, walk.capacities().outgoing), (0, 4));
    let upload = DiskClient::UPLOAD.info();
    assert_eq!((upload.capacities().incoming, upload.capacities().outgoing), (16, 1));
    let map = DiskClient::MAP.info().capacities();
    assert_eq!((map.incoming, map.outgoing), (grid::DEFAULT_CAPACITY, grid::DEFAULT_CAPACITY));
    assert_eq!(DiskClient::SYNC.info().kind(), MethodKind::TwoWay);

    let descriptor = DiskClient::DESCRIPTOR;
    assert_eq!((descriptor.name(), descriptor.docs()), ("Disk", "One node's disks."));
    assert_eq!(descriptor.methods().len(), 28);
}

#[tokio::test]
async fn the_same_service_under_several_subroutes() {
    struct Both;
    impl grid::Service for Both {
        fn register(self, to: &mut grid::Registrar<'_>) -> Result<(), grid::RegisterError> {
            let fake = Arc::new(Fake { names: vec!["x".into()], ..Fake::default() });
            DiskServer::from_arc(fake.clone()).register(to)?;
            DiskServer::from_arc(fake.clone()).subroute("a").subroute("b").register(to)?;
            let error = DiskServer::from_arc(fake).register(to).unwrap_err().to_string();
            assert!(error.contains("Disk/"), "{error}");
            Ok(())
        }
    }
    let disk = DiskClient::new(in_process(Both));
    assert_eq!(disk.names().await.unwrap().next().await.unwrap().unwrap(), "x");
    let below = disk.subroute("a").subroute("b");
    assert_eq!(below.names().await.unwrap().next().await.unwrap().unwrap(), "a/bx");
    assert!(matches!(disk.subroute("c").uptime().await, Err(CallError::Remote(_))));
}

/// The same method with other types, as a node of another version has it.
mod other_version {
    use super::*;

    #[grid::service(name = "Disk")]
    pub(crate) trait Newer {
        async fn stat(&self, volume: u32) -> Result<Volume, DiskError>;
        async fn uptime(&self) -> String;
        #[handler(id = 9)]
        async fn rename(&self, to: String, from: String, why: String) -> Result<String, DiskError>;
    }
}

#[tokio::test]
async fn versions_that_differ() {
    use other_version::NewerClient;

    let connection = in_process(DiskServer::new(Fake::default()));
    let newer = NewerClient::new(connection);
    let error = newer.stat(5).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::BadRequest),
        "{error:?}"
    );
    assert!(matches!(newer.uptime().await, Err(CallError::Decode(_))));
    // Names count, not the order; what is new is skipped, what is missing has its default.
    assert_eq!(newer.rename("b".into(), "a".into(), "why".into()).await.unwrap(), "a b None 0");
    // Another error type leaves code and text.
    let error = newer.rename("a".into(), "a".into(), "why".into()).await.unwrap_err();
    let CallError::Remote(error) = error else { panic!("{error:?}") };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Handler, "the same name"));
}
