//! `#[grid::service(local)]`: handlers that are not `Send`, on the thread where their service was placed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use grid::{CallError, Context, ErrorCode, Incoming, Manager, Outgoing, RemoteError, Warning};
use tokio::task::LocalSet;

use crate::place::{Place, everywhere};
use crate::service::DiskError;
use crate::support::{A, Network};

#[grid::service(local)]
trait Shard {
    async fn add(&self, cx: &Context, key: String) -> Result<usize, DiskError>;
    /// The name of the thread.
    async fn thread(&self) -> Option<String> {
        thread::current().name().map(str::to_owned)
    }
    async fn push(&self, out: Outgoing<String>) -> Result<(), DiskError>;
    async fn list(&self) -> impl Stream<Item = String>;
    async fn fill(&self, input: Incoming<String>) -> Result<usize, DiskError>;
    async fn echo(&self, input: Incoming<String>, out: Outgoing<String>) -> Result<(), DiskError>;
    async fn wait(&self);
    async fn sleep(&self) -> u64;
    async fn crash(&self) -> u8;
    /// Calls `sleep` of its own node.
    async fn pass(&self, cx: &Context, within: bool);
}

#[derive(Default)]
struct Local {
    keys: Rc<RefCell<Vec<String>>>,
    dropped_on: Rc<Cell<Option<ThreadId>>>,
}

/// Notes on which thread a future is dropped.
struct Noted(Rc<Cell<Option<ThreadId>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.set(Some(thread::current().id()));
    }
}

impl Shard for Local {
    async fn add(&self, cx: &Context, key: String) -> Result<usize, DiskError> {
        assert_eq!(cx.method(), "Shard/add");
        let keys = Rc::clone(&self.keys);
        tokio::task::yield_now().await;
        if key.is_empty() {
            return Err(DiskError::NotFound { name: key });
        }
        keys.borrow_mut().push(key);
        Ok(keys.borrow().len())
    }

    async fn push(&self, mut out: Outgoing<String>) -> Result<(), DiskError> {
        let keys = Rc::clone(&self.keys);
        for index in 0.. {
            let Some(key) = keys.borrow().get(index).cloned() else { break };
            out.send(key).await?;
        }
        Ok(())
    }

    async fn list(&self) -> impl Stream<Item = String> {
        let keys = Rc::clone(&self.keys);
        stream::iter((0..).map_while(move |index| keys.borrow().get(index).cloned()))
    }

    async fn fill(&self, mut input: Incoming<String>) -> Result<usize, DiskError> {
        while let Some(key) = input.next().await {
            self.keys.borrow_mut().push(key?);
        }
        Ok(self.keys.borrow().len())
    }

    async fn echo(
        &self,
        mut input: Incoming<String>,
        mut out: Outgoing<String>,
    ) -> Result<(), DiskError> {
        let keys = Rc::clone(&self.keys);
        while let Some(key) = input.next().await {
            let key = key?;
            keys.borrow_mut().push(key.clone());
            out.send(key).await?;
        }
        Ok(())
    }

    async fn wait(&self) {
        let _noted = Noted(Rc::clone(&self.dropped_on));
        self.keys.borrow_mut().push("waits".into());
        std::future::pending().await
    }

    async fn sleep(&self) -> u64 {
        self.keys.borrow_mut().push("sleeps".into());
        tokio::time::sleep(Duration::from_secs(1)).await;
        1
    }

    async fn crash(&self) -> u8 {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }

    async fn pass(&self, cx: &Context, within: bool) {
        let call = ShardClient::of(cx, cx.local()).unwrap().sleep();
        let call = call.timeout(Duration::from_secs(10));
        if within { call.within(cx).await } else { call.await }.unwrap();
    }
}

/// Runs a test where local services can be placed.
macro_rules! in_local_set {
    ($($test:ident => $run:ident),+) => {
        everywhere!($($test),+);
        $(async fn $test(place: Place) {
            LocalSet::new().run_until($run(place)).await;
        })+
    };
}

in_local_set!(
    all_shapes => shapes,
    a_dropped_call => drops_the_future_on_its_thread,
    a_panic => fails_its_own_call
);

async fn shapes(place: Place) {
    let shard = place.serve(ShardServer::local(Local::default()), ShardClient::new).await;
    assert_eq!(shard.add("a".into()).await, Ok(1));
    assert_eq!(shard.add("b".into()).await, Ok(2));
    let missing = CallError::Handler(DiskError::NotFound { name: String::new() });
    assert_eq!(shard.add(String::new()).await, Err(missing));

    let pushed: Vec<_> = shard.push().await.unwrap().map(Result::unwrap).collect().await;
    let pulled: Vec<_> = shard.list().await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!((&*pushed, &*pulled), (&["a".to_owned(), "b".to_owned()][..], &*pushed));

    let (mut input, count) = shard.fill().await.unwrap();
    for n in 0..1000 {
        input.send(format!("{n}")).await.unwrap();
    }
    drop(input);
    assert_eq!(count.await, Ok(1002));

    let (mut input, mut output) = shard.echo().await.unwrap();
    input.send("c".into()).await.unwrap();
    assert_eq!(output.next().await, Some(Ok("c".to_owned())));
    drop(input);
    assert_eq!(output.next().await, None);
}

async fn drops_the_future_on_its_thread(place: Place) {
    let local = Local::default();
    let (keys, dropped_on) = (Rc::clone(&local.keys), Rc::clone(&local.dropped_on));
    let shard = place.serve(ShardServer::local(local), ShardClient::new).await;
    let call = shard.wait().timeout(Duration::from_secs(1));
    assert!(matches!(call.await, Err(CallError::DeadlineExceeded { .. })));
    let call = tokio::spawn(shard.wait());
    while keys.borrow().len() < 2 {
        tokio::task::yield_now().await;
    }
    dropped_on.set(None);
    call.abort();
    while dropped_on.get().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(dropped_on.get(), Some(thread::current().id()));
}

async fn fails_its_own_call(place: Place) {
    let shard = place.serve(ShardServer::local(Local::default()), ShardClient::new).await;
    let other = shard.sleep();
    let (crashed, slept) = tokio::join!(shard.crash(), other);
    let CallError::Remote(RemoteError { code, .. }) = crashed.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!((code, slept), (ErrorCode::Panicked, Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_local_set() {
    let local = LocalSet::new();
    let server = {
        let _entered = local.enter();
        ShardServer::local(Local::default()).subroute("a")
    };
    assert_eq!(
        format!("{server:?}"),
        r#"LocalServed { service: "Shard", subroute: Some("a"), .. }"#
    );
    let node = Network::default().node(A, &[A]).service(server).build().unwrap();
    let shard = ShardClient::new(node.connection(A).unwrap()).subroute("a");
    let running = tokio::spawn(shard.wait());
    local.run_until(tokio::time::sleep(Duration::from_secs(1))).await;
    // It waits in the queue, because nobody runs the set.
    let queued = tokio::spawn(shard.thread());
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(local);

    let error = running.await.unwrap().unwrap_err();
    assert!(error.may_have_run() && !error.is_retryable());
    let text = "the `LocalSet` of the service Shard has ended during the call";
    assert!(error.to_string().contains(text), "{error}");
    for call in [queued, tokio::spawn(shard.thread())] {
        let error = call.await.unwrap().unwrap_err();
        assert!(!error.may_have_run() && error.is_retryable());
        assert!(error.to_string().contains("`LocalSet` of the service Shard has ended"), "{error}");
        let CallError::Remote(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::ShuttingDown);
    }
    let ended = shard.list().await.unwrap().next().await.unwrap().unwrap_err();
    assert!(!ended.may_have_run(), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_before_its_turn_does_not_run() {
    let local = LocalSet::new();
    let service = Local::default();
    let keys = Rc::clone(&service.keys);
    let server = {
        let _entered = local.enter();
        ShardServer::local(service)
    };
    let node = Network::default().node(A, &[A]).service(server).build().unwrap();
    let shard = ShardClient::new(node.connection(A).unwrap());
    // More than the queue holds.
    let calls = (0..1000).map(|n| shard.add(format!("{n}")).timeout(Duration::from_secs(1)));
    for result in futures_util::future::join_all(calls).await {
        assert!(matches!(result, Err(CallError::DeadlineExceeded { .. })), "{result:?}");
    }
    // The tasks of the calls are aborted, which takes one more turn of the runtime.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(local.run_until(shard.add("last".into())).await, Ok(1));
    assert_eq!(*keys.borrow(), ["last"]);
}

/// Starts a thread that runs one service, and ends when its node is gone.
fn shard_thread(name: &str) -> (ShardServer<Local>, thread::JoinHandle<()>) {
    let (send, receive) = mpsc::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        local.spawn_local(async move { send.send(ShardServer::local(Local::default())) });
        runtime.block_on(local);
    };
    let thread = thread::Builder::new().name(name.into()).spawn(run).unwrap();
    (receive.recv().unwrap().subroute(name), thread)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_with_a_service_on_each_of_two_threads() {
    let network = Network::default();
    let (servers, threads): (Vec<_>, Vec<_>) = ["a", "b"].map(shard_thread).into_iter().unzip();
    let node = servers.into_iter().fold(network.node(A, &[A]), |node, server| node.service(server));
    let node = node.build().unwrap();
    let shards = ShardClient::new(node.connection(A).unwrap());
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let name = if n % 2 == 0 { "a" } else { "b" };
        let shard = shards.subroute(name);
        calls.spawn(async move {
            assert_eq!(shard.thread().await.unwrap().as_deref(), Some(name));
            shard.add("x".into()).await.unwrap()
        });
    }
    let counts = calls.join_all().await;
    assert_eq!(counts.into_iter().max(), Some(500));

    // Dropped on the thread of the service: a call that is cancelled from here.
    let waiting = tokio::spawn(shards.subroute("a").wait());
    while shards.subroute("a").push().await.unwrap().count().await == 500 {}
    waiting.abort();

    // A shutdown waits for what runs.
    let sleeping = tokio::spawn(shards.subroute("b").sleep());
    while shards.subroute("b").push().await.unwrap().count().await == 500 {}
    node.shutdown(Duration::from_secs(60)).await;
    assert_eq!(sleeping.await.unwrap(), Ok(1));
    drop((node, shards));
    for thread in threads {
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
}

#[cfg(debug_assertions)]
#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_inherit_the_deadline_is_noticed() {
    LocalSet::new()
        .run_until(async {
            let server = ShardServer::local(Local::default());
            let node = Network::default().node(A, &[A]).service(server).build().unwrap();
            let mut warnings = node.warnings();
            let shard = ShardClient::new(node.connection(A).unwrap());
            shard.pass(true).timeout(Duration::from_secs(5)).await.unwrap();
            shard.pass(false).timeout(Duration::from_secs(5)).await.unwrap();
            let Some(Warning::DeadlineNotInherited { method, called, .. }) = warnings.next().await
            else {
                panic!("another warning");
            };
            assert_eq!((&*method, &*called), ("Shard/pass", "Shard/sleep"));
        })
        .await;
}

#[tokio::test]
async fn one_implementation_of_two_services() {
    #[grid::service(local)]
    trait Names {
        async fn count(&self) -> usize;
    }
    impl Names for Local {
        async fn count(&self) -> usize {
            self.keys.borrow().len()
        }
    }
    let check = async {
        let local = Rc::new(Local::default());
        let node = Network::default().node(A, &[A]);
        let node = node.service(ShardServer::from_rc(Rc::clone(&local)));
        let node: Manager = node.service(NamesServer::from_rc(local)).build().unwrap();
        let connection = node.connection(A).unwrap();
        assert_eq!(ShardClient::new(connection.clone()).add("a".into()).await, Ok(1));
        assert_eq!(NamesClient::new(connection).count().await, Ok(1));
        assert_eq!(NamesClient::in_process(Local::default()).count().await, Ok(0));
    };
    LocalSet::new().run_until(check).await;
}

#[tokio::test]
#[should_panic(expected = "LocalSet")]
async fn a_local_service_needs_a_local_set() {
    let _ = ShardServer::local(Local::default());
}
