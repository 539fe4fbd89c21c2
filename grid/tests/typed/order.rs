//! Order: calls have none, the items of a stream have.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future;
use grid::{Incoming, RemoteError};

use crate::place::{Place, everywhere};

#[grid::service]
trait Log {
    async fn write(&self, line: Bytes);
    async fn append(&self, input: Incoming<Bytes>) -> Result<Vec<usize>, RemoteError>;
}

/// The lengths of the lines, in the order in which their handlers began.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<usize>>>);

impl Log for Lines {
    async fn write(&self, line: Bytes) {
        self.0.lock().unwrap().push(line.len());
    }

    async fn append(&self, mut input: Incoming<Bytes>) -> Result<Vec<usize>, RemoteError> {
        let mut lengths = Vec::new();
        while let Some(line) = input.next().await {
            lengths.push(line?.len());
        }
        Ok(lengths)
    }
}

const LARGE: usize = 4 << 20;

everywhere!(
    a_small_call_may_begin_before_a_large_one,
    items_arrive_in_the_order_in_which_they_were_sent
);

async fn a_small_call_may_begin_before_a_large_one(place: Place) {
    let lines = Lines::default();
    let log = place.serve(LogServer::new(lines.clone()), LogClient::new).await;
    let calls = [LARGE, 3].map(|len| log.write(vec![7; len].into()));
    future::join_all(calls).await.into_iter().for_each(Result::unwrap);
    assert_eq!(*lines.0.lock().unwrap(), [3, LARGE], "the small one was started later");
    // The way to keep an order between calls: await each before the next one is started.
    for len in [LARGE, 3] {
        log.write(vec![7; len].into()).timeout(Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(lines.0.lock().unwrap()[2..], [LARGE, 3]);
}

async fn items_arrive_in_the_order_in_which_they_were_sent(place: Place) {
    let log = place.serve(LogServer::new(Lines::default()), LogClient::new).await;
    let lengths = [3, LARGE, 1, 0, 100_000, 2, LARGE, 5];
    let (mut input, reply) = log.append().await.unwrap();
    for len in lengths {
        input.send(vec![7; len].into()).await.unwrap();
    }
    drop(input);
    assert_eq!(reply.await.unwrap(), lengths);
}
