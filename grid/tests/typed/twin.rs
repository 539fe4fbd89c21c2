//! `#[grid::service(dyn)]`: one trait object for nodes, implementations in this process, and mocks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::{BoxFuture, CallError, Context, ErrorCode, Outgoing, RemoteError};

use crate::place::{Place, everywhere};
use crate::service::DiskError;

#[grid::service(dyn)]
trait Store {
    async fn get(&self, key: String) -> Result<u64, DiskError>;
    async fn put(&self, key: String, value: u64);
    /// A limit is reached.
    async fn reserve(&self, bytes: u64) -> Result<(), RemoteError>;
    /// With a default body.
    async fn add(&self, key: String, n: u64) -> Result<u64, DiskError> {
        let sum = Store::get(self, key.clone()).await? + n;
        Store::put(self, key, sum).await;
        Ok(sum)
    }
    async fn watch(&self, out: Outgoing<String>);
    async fn who(&self, cx: &Context) -> String;
    #[handler(blocking)]
    fn hash(&self, key: String) -> u64;
}

#[derive(Default)]
struct Memory(Mutex<HashMap<String, u64>>);

impl Store for Memory {
    async fn get(&self, key: String) -> Result<u64, DiskError> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap().get(&key).copied().ok_or(DiskError::NotFound { name: key })
    }

    async fn put(&self, key: String, value: u64) {
        self.0.lock().unwrap().insert(key, value);
    }

    async fn reserve(&self, bytes: u64) -> Result<(), RemoteError> {
        match bytes {
            0 => Err(RemoteError::new("nothing to reserve")),
            _ => Err(RemoteError::overloaded("full", Duration::from_millis(7))),
        }
    }

    async fn watch(&self, _: Outgoing<String>) {}

    async fn who(&self, cx: &Context) -> String {
        cx.peer().to_owned()
    }

    fn hash(&self, key: String) -> u64 {
        key.len() as u64
    }
}

/// What no implementation of `Store` can do: calls of it fail as those of a node that is shut down.
struct ShutDown;

impl DynStore for ShutDown {
    fn get(&self, _: String) -> BoxFuture<'_, Result<u64, CallError<DiskError>>> {
        Box::pin(async { Err(CallError::ShutDown) })
    }

    fn put(&self, _: String, _: u64) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(async { Err(CallError::ShutDown) })
    }

    fn reserve(&self, _: u64) -> BoxFuture<'_, Result<(), CallError<RemoteError>>> {
        Box::pin(async { Err(CallError::ShutDown) })
    }

    fn add(&self, _: String, _: u64) -> BoxFuture<'_, Result<u64, CallError<DiskError>>> {
        Box::pin(async { Err(CallError::ShutDown) })
    }
}

/// Code that does not know which one it uses.
async fn check(store: Arc<dyn DynStore>) {
    let missing = DiskError::NotFound { name: "a".into() };
    assert_eq!(store.get("a".into()).await, Err(CallError::Handler(missing)));
    // The futures are `Send`, and those of one store run at the same time.
    let other = Arc::clone(&store);
    let put = tokio::spawn(async move { other.put("a".into(), 1).await });
    assert_eq!(put.await.unwrap(), Ok(()));
    assert_eq!(store.get("a".into()).await, Ok(1));
    assert_eq!(store.add("a".into(), 2).await, Ok(3));

    let error = store.reserve(0).await.unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("nothing to reserve")));
    assert!(!error.is_retryable() && error.may_have_run());
    let refused = store.reserve(1).await.unwrap_err();
    assert!(refused.is_retryable() && !refused.may_have_run());
    let CallError::Remote(refused) = refused else { panic!("another error") };
    assert_eq!(refused.code, ErrorCode::Overloaded);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(7)));
}

everywhere!(a_client);

async fn a_client(place: Place) {
    let client = place.serve(StoreServer::new(Memory::default()), StoreClient::new).await;
    check(Arc::new(StoreClient::clone(&client))).await;
}

#[tokio::test]
async fn an_implementation_in_this_process() {
    check(Arc::new(Memory::default())).await;
}

#[tokio::test]
async fn mocks_and_others_behind_one_type() {
    let mock = grid::Mock::new().on(StoreClient::GET, |(key,)| Ok(key.len() as u64));
    let local = Memory::default();
    Store::put(&local, "key".into(), 3).await;
    let stores: [Arc<dyn DynStore>; 3] =
        [Arc::new(StoreClient::new(mock.connection())), Arc::new(local), Arc::new(ShutDown)];
    let mut got = Vec::new();
    for store in &stores {
        got.push(store.get("key".into()).await);
    }
    assert_eq!(got, [Ok(3), Ok(3), Err(CallError::ShutDown)]);
}

#[tokio::test]
async fn a_refusal_that_is_passed_on_is_no_refusal_of_the_next_handler() {
    let store: &dyn DynStore = &Memory::default();
    let refusal = RemoteError::from(store.reserve(1).await.unwrap_err());

    #[grid::service(dyn)]
    trait Proxy {
        async fn reserve(&self) -> Result<(), RemoteError>;
    }
    struct Passes(RemoteError);
    impl Proxy for Passes {
        async fn reserve(&self) -> Result<(), RemoteError> {
            Err(self.0.clone())
        }
    }
    let proxy: [&dyn DynProxy; 2] =
        [&Passes(refusal.clone()), &ProxyClient::in_process(Passes(refusal))];
    for proxy in proxy {
        let error = proxy.reserve().await.unwrap_err();
        assert!(matches!(error, CallError::Handler(_)), "{error:?}");
    }
}
