//! The permission hook: what it knows, what a refusal is for the caller, and that it harms only its own call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use grid::{
    Builder, CallError, CallInfo, Capacities, Denied, ErrorCode, MethodKind, Outgoing, RawReceiver,
    RawSender, SharedSecret,
};

use crate::support::{A, B, pair};

#[grid::service]
trait Vault {
    async fn open(&self, door: String) -> u32;
    #[handler(blocking)]
    fn lock(&self) -> u32;
    async fn list(&self, out: Outgoing<u32>);
}

/// Counts what has run.
#[derive(Clone, Default)]
struct Counts(Arc<AtomicUsize>);

impl Counts {
    fn add(&self) -> u32 {
        u32::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Vault for Counts {
    async fn open(&self, _: String) -> u32 {
        self.add()
    }

    fn lock(&self) -> u32 {
        self.add()
    }

    async fn list(&self, mut out: Outgoing<u32>) {
        self.add();
        let _ = out.send(7).await;
    }
}

/// A pair of nodes that serve the vault, and handlers at the byte level.
fn serving<'a>(
    runs: &'a Counts,
    hook: impl Fn(&CallInfo) -> Result<(), Denied> + Clone + Send + Sync + 'static + 'a,
) -> impl Fn(Builder) -> Builder + 'a {
    move |builder| {
        let (single, stream) = (runs.clone(), runs.clone());
        builder
            .token(SharedSecret::new("correct horse"))
            .service(VaultServer::new(runs.clone()))
            .single_handler(7, None, move |_, payload| {
                single.add();
                async move { Ok(payload) }
            })
            .stream_handler(
                8,
                Some("sub"),
                Capacities { incoming: 1, outgoing: 1 },
                move |_, _, _input: RawReceiver, _output: RawSender| {
                    stream.add();
                    async { Ok(()) }
                },
            )
            .permit(hook.clone())
    }
}

fn assert_refused<T: std::fmt::Debug, E: std::fmt::Debug>(
    result: Result<T, CallError<E>>,
    text: &str,
) {
    match result {
        Err(CallError::Remote(error)) => {
            assert_eq!(error.code, ErrorCode::NotPermitted, "{error:?}");
            assert!(error.message.contains(text), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_permitted_does_not_run() {
    let runs = Counts::default();
    let (_network, a, b) = pair(serving(&runs, |_| Err(Denied::new("closed on Sundays")))).await;
    for (node, peer) in [(&a, B), (&b, A), (&a, A)] {
        let connection = node.connection(peer).unwrap();
        let vault = VaultClient::new(connection.clone());
        let text = "not permitted: closed on Sundays";
        assert_refused(vault.open("x".into()).await, text);
        assert_refused(vault.lock().await, text);
        let mut list = vault.list().await.unwrap();
        assert_refused(list.next().await.unwrap(), text);
        assert!(list.next().await.is_none());
        // The arguments are not decoded.
        let id = VaultClient::OPEN.info().id();
        assert_refused(connection.request(id, Some("garbage".into())).await, text);
        assert_refused(connection.request(7, Some(Bytes::from(vec![0; 1 << 20]))).await, text);
        let error = connection.request(7, None).await.unwrap_err();
        assert!(!error.may_have_run(), "{error:?}");
    }
    assert_eq!(runs.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_hook_knows_who_calls_what() {
    let runs = Counts::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let seen = Arc::clone(&seen);
        move |call: &CallInfo| {
            let info = call.descriptor().map(|info| (info.name(), info.kind()));
            let rest = (
                call.context().subroute().map(str::to_owned),
                call.context().metadata("who").cloned(),
            );
            let text = format!("{} {}", call.service(), call.method());
            assert_eq!(call.identity().name(), Some(call.peer()));
            assert!(!format!("{call:?}").contains("correct"));
            seen.lock().unwrap().push((call.peer().to_owned(), text, info, rest));
            if call.method() == "lock" { Err(Denied::new("no")) } else { Ok(()) }
        }
    };
    let (_network, a, _b) = pair(serving(&runs, hook)).await;
    let connection = a.connection(B).unwrap();
    let vault = VaultClient::new(connection.clone());
    vault.open("x".into()).metadata("who", "me").await.unwrap();
    assert_refused(vault.lock().await, "no");
    let list = vault.list().await.unwrap();
    assert_eq!(list.map(Result::unwrap).collect::<Vec<_>>().await, [7]);
    connection.request(7, None).await.unwrap();
    let stream =
        connection.subroute("sub").stream(8, Capacities { incoming: 1, outgoing: 1 }, None);
    drop(stream.await.unwrap());
    assert_eq!(runs.get(), 4);
    let me = Some(Bytes::from("me"));
    let sub = Some("sub".to_owned());
    let expected = [
        ("Vault open", Some(("open", MethodKind::Single)), (None, me)),
        ("Vault lock", Some(("lock", MethodKind::Single)), (None, None)),
        ("Vault list", Some(("list", MethodKind::ServerStream)), (None, None)),
        (" handler 7", None, (None, None)),
        (" handler 8", None, (sub, None)),
    ]
    .map(|(text, info, rest)| (A.to_owned(), text.to_owned(), info, rest));
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_refuses_its_own_call_only() {
    let runs = Counts::default();
    let hook = |call: &CallInfo| {
        assert_ne!(
            call.context().metadata("bad").map(|bad| &bad[..]),
            Some(&b"yes"[..]),
            "a secret"
        );
        Ok(())
    };
    let (_network, a, _b) = pair(serving(&runs, hook)).await;
    let connection = a.connection(B).unwrap();
    for _ in 0..3 {
        let refused = connection.request(7, None).metadata("bad", "yes").await;
        assert!(!format!("{refused:?}").contains("a secret"), "the message stays in the log");
        assert_refused(refused, "the permission hook panicked");
        assert_eq!(connection.request(7, None).await, Ok(None));
    }
    assert_eq!((runs.get(), connection.stats().connects), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_blocks_delays_its_own_call_only() {
    let runs = Counts::default();
    let (release, gate) = channel::<()>();
    let (began, has_begun) = tokio::sync::oneshot::channel::<()>();
    let gate: Arc<Mutex<Option<(Receiver<()>, _)>>> = Arc::new(Mutex::new(Some((gate, began))));
    let hook = move |call: &CallInfo| {
        if call.context().metadata("slow").is_some() {
            let (gate, began) = gate.lock().unwrap().take().unwrap();
            began.send(()).unwrap();
            let _ = gate.recv();
        }
        Ok(())
    };
    let (_network, a, _b) = pair(serving(&runs, hook)).await;
    let connection = a.connection(B).unwrap();
    let slow = tokio::spawn(connection.request(7, None).metadata("slow", "yes"));
    has_begun.await.unwrap();
    for _ in 0..100 {
        assert_eq!(connection.request(7, Some("x".into())).await, Ok(Some("x".into())));
    }
    assert!(!slow.is_finished());
    release.send(()).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), slow).await;
    assert_eq!(answer.unwrap().unwrap(), Ok(None));
}
