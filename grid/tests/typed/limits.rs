//! `#[handler(request_bytes_max = N)]`: both ends refuse a larger request, and the handler does not run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use grid::{CallError, Connection, Context, ErrorCode, Incoming, Outgoing, Raw};

use crate::place::{Place, everywhere};
use crate::support::{A, B, pair};

#[grid::service]
trait Store {
    #[handler(id = 1, request_bytes_max = 1000)]
    async fn put(&self, cx: &Context, data: Raw);
    #[handler(id = 2, request_bytes_max = 1000, incoming = 1)]
    async fn append(&self, head: Raw, input: Incoming<Raw>) -> usize;
    #[handler(id = 3, request_bytes_max = 70_000)]
    async fn list(&self, from: Raw, out: Outgoing<u8>);
    #[handler(id = 4, request_bytes_max = 1000, blocking)]
    fn sync(&self, data: Raw);
    async fn unlimited(&self, data: Raw);
}

#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn ran(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Store for Counted {
    async fn put(&self, _: &Context, _: Raw) {
        self.ran();
    }

    async fn append(&self, _: Raw, mut input: Incoming<Raw>) -> usize {
        self.ran();
        let mut len = 0;
        while let Some(Ok(item)) = input.next().await {
            len += item.len();
        }
        len
    }

    async fn list(&self, _: Raw, _: Outgoing<u8>) {
        self.ran();
    }

    fn sync(&self, _: Raw) {
        self.ran();
    }

    async fn unlimited(&self, _: Raw) {
        self.ran();
    }
}

fn bytes(len: usize) -> Raw {
    vec![7; len].into()
}

everywhere!(a_request_above_the_limit_of_its_method_is_not_sent);

async fn a_request_above_the_limit_of_its_method_is_not_sent(place: Place) {
    let counted = Counted::default();
    let store = place.serve(StoreServer::new(counted.clone()), StoreClient::new).await;
    let CallError::Encode(error) = store.put(bytes(1001)).await.unwrap_err() else {
        panic!("another error");
    };
    let text = error.to_string();
    assert!(text.contains(" (Store/put at "), "{text}");
    let limit = "a request of 1001 bytes exceeds the limit of 1000 bytes of the method \
        (`#[handler(request_bytes_max = 1000)]`)";
    assert!(text.starts_with(limit), "{text}");
    assert!(matches!(store.append(bytes(1001)).await, Err(CallError::Encode(_))));
    assert!(matches!(store.list(bytes(70_001)).await, Err(CallError::Encode(_))));
    assert!(matches!(store.sync(bytes(1001)).await, Err(CallError::Encode(_))));
    assert_eq!(counted.count(), 0);
    store.put(bytes(1000)).await.unwrap();
    store.sync(bytes(1000)).await.unwrap();
    store.unlimited(bytes(100_000)).await.unwrap();
    let (mut input, reply) = store.append(bytes(1000)).await.unwrap();
    input.send(bytes(5000)).await.unwrap();
    drop(input);
    assert_eq!(reply.await.unwrap(), 5000, "items have no limit of their own");
    assert!(store.list(bytes(70_000)).await.unwrap().next().await.is_none());
    assert_eq!(counted.count(), 5);
}

/// A request of a caller that does not know the limit.
async fn send(connection: &Connection, id: u8, len: usize) -> CallError {
    let payload = Some(Bytes::from(vec![7; len]));
    let capacities = match id {
        2 => StoreClient::APPEND.info().capacities(),
        3 => StoreClient::LIST.info().capacities(),
        _ => return connection.request(id, payload).await.unwrap_err(),
    };
    connection.stream(id, capacities, payload).await.map(|_| ()).unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_limit_of_its_method_is_refused_by_the_callee() {
    for extensions in [vec!["ids32", "meta", "cancel", "credits", "chunks"], vec![]] {
        let counted = Counted::default();
        let (_network, a, _b) = pair(|builder| {
            let server = StoreServer::new(counted.clone());
            builder.service(server).extensions(extensions.iter().copied())
        })
        .await;
        let connection = a.connection(B).unwrap();
        for (id, len, max) in
            [(1, 1001, 1000), (2, 1001, 1000), (3, 200_000, 70_000), (4, 1001, 1000)]
        {
            let error = send(&connection, id, len).await;
            let text = error.to_string();
            for part in [&*len.to_string(), &*max.to_string(), "request_bytes_max"] {
                assert!(text.contains(part), "{text}: {part}");
            }
            assert!(!text.contains("Store"), "its caller may not be permitted to know: {text}");
            let CallError::Remote(error) = error else { panic!("{error:?}") };
            let code = if extensions.is_empty() { ErrorCode::Text } else { ErrorCode::BadRequest };
            assert_eq!(error.code, code);
        }
        assert_eq!(counted.count(), 0);
        connection.request(1, Some(vec![7; 1000].into())).await.unwrap();
        assert_eq!(counted.count(), 1);
        assert!(a.connection(A).is_ok());
    }
}
