//! Memory with a slow consumer stays within the capacities of the streams, however much the producer has to send.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, future};
use grid::{Connection, Incoming, Outgoing, RemoteError};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::support::{A, B, pair};
use crate::{Meter, alone};

const ITEM_BYTES: usize = 16 * 1024;
const CAPACITY: u32 = 8;
/// 100 MiB on each stream.
const ITEMS: u32 = 6400;
const STREAMS: usize = 16;

/// Bytes that the capacities allow on all streams together.
const ALLOWED_BYTES: usize = STREAMS * CAPACITY as usize * ITEM_BYTES;

/// Allowance for items in transit (bounded per link, not per stream), for the item that each producer is sending, as a
/// value and encoded, and for buffers that double as they grow.
const PEAK_BYTES: usize = 3 * ALLOWED_BYTES;

fn item() -> Bytes {
    Bytes::from(vec![7; ITEM_BYTES])
}

#[grid::service]
trait Flood {
    #[handler(outgoing = 8)]
    async fn pushed(&self, items: u32, out: Outgoing<Bytes>) -> Result<(), RemoteError>;
    #[handler(outgoing = 8)]
    async fn pulled(&self, items: u32) -> impl grid::Stream<Item = Bytes>;
    #[handler(incoming = 8)]
    async fn uploaded(&self, input: Incoming<Bytes>) -> Result<u32, RemoteError>;
    #[handler(incoming = 8, outgoing = 8)]
    async fn both(
        &self,
        items: u32,
        input: Incoming<Bytes>,
        out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError>;
}

#[derive(Clone)]
struct Tap {
    /// Number of items that producers have sent, on either end.
    sent: Arc<AtomicU32>,
    /// Whether handlers read their input.
    open: watch::Sender<bool>,
}

impl Tap {
    async fn opened(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Flood for Tap {
    async fn pushed(&self, items: u32, mut out: Outgoing<Bytes>) -> Result<(), RemoteError> {
        for _ in 0..items {
            out.send(item()).await?;
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn pulled(&self, items: u32) -> impl grid::Stream<Item = Bytes> {
        futures_util::stream::iter(0..items).map(|_| {
            self.sent.fetch_add(1, Ordering::Relaxed);
            item()
        })
    }

    async fn uploaded(&self, mut input: Incoming<Bytes>) -> Result<u32, RemoteError> {
        self.opened().await;
        let mut count = 0;
        while let Some(item) = input.next().await {
            assert_eq!(item?.len(), ITEM_BYTES);
            count += 1;
        }
        Ok(count)
    }

    async fn both(
        &self,
        items: u32,
        mut input: Incoming<Bytes>,
        out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError> {
        let read = async {
            self.opened().await;
            let mut count = 0;
            while let Some(item) = input.next().await {
                assert_eq!(item?.len(), ITEM_BYTES);
                count += 1;
            }
            assert_eq!(count, items);
            Ok(())
        };
        future::try_join(self.pushed(items, out), read).await.map(|_| ())
    }
}

/// A stream whose producer is running. Reads all items once it is polled.
type Flooding = Pin<Box<dyn Future<Output = u32>>>;

async fn count(mut items: grid::Responses<Bytes, RemoteError>) -> u32 {
    let mut count = 0;
    while let Some(item) = items.next().await {
        assert_eq!(item.unwrap().len(), ITEM_BYTES);
        count += 1;
    }
    count
}

fn produce(mut input: grid::Requests<Bytes>, items: u32, tap: &Tap) {
    let tap = tap.clone();
    tokio::spawn(async move {
        for _ in 0..items {
            if input.send(item()).await.is_err() {
                return; // The stream of this round is closed.
            }
            tap.sent.fetch_add(1, Ordering::Relaxed);
        }
    });
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Pushed,
    Pulled,
    Uploaded,
    Both,
}

impl Shape {
    async fn start(self, connection: Connection, items: u32, tap: &Tap) -> Flooding {
        let client = FloodClient::new(connection);
        match self {
            Self::Pushed => Box::pin(count(client.pushed(items).await.unwrap())),
            Self::Pulled => {
                let mut stream = client.pulled(items).await.unwrap();
                Box::pin(async move {
                    let mut count = 0;
                    while let Some(item) = stream.next().await {
                        assert_eq!(item.unwrap().len(), ITEM_BYTES);
                        count += 1;
                    }
                    count
                })
            }
            Self::Uploaded => {
                let (input, reply) = client.uploaded().await.unwrap();
                produce(input, items, tap);
                Box::pin(async move { reply.await.unwrap() })
            }
            Self::Both => {
                let (input, output) = client.both(items).await.unwrap();
                produce(input, items, tap);
                Box::pin(count(output))
            }
        }
    }

    /// Number of directions in which items are sent.
    fn ways(self) -> u32 {
        if matches!(self, Self::Both) { 2 } else { 1 }
    }
}

#[tokio::test(start_paused = true)]
async fn memory_stays_within_the_capacities() {
    let _alone = alone().await;
    let tap = Tap { sent: Arc::default(), open: watch::Sender::new(true) };
    let (_network, a, b) = pair(|builder| builder.service(FloodServer::new(tap.clone()))).await;
    for (from, to) in [(&a, B), (&b, A), (&a, A)] {
        let connection = from.connection(to).unwrap();
        for shape in [Shape::Pushed, Shape::Pulled, Shape::Uploaded, Shape::Both] {
            let what = format!("{shape:?} from {} to {to}", from.name());
            // First, so that tables and buffers that are kept have grown.
            tap.open.send_replace(true);
            assert_eq!(shape.start(connection.clone(), 100, &tap).await.await, 100);

            tap.open.send_replace(false);
            tap.sent.store(0, Ordering::Relaxed);
            let meter = Meter::start();
            let mut floods = Vec::new();
            for _ in 0..STREAMS {
                floods.push(shape.start(connection.clone(), ITEMS, &tap).await);
            }
            sleep(Duration::from_secs(5)).await;
            let (held, peak) = (meter.held(), meter.peak());
            let sent = tap.sent.load(Ordering::Relaxed);
            println!("{what}: {sent} items sent, {held} bytes held, {peak} at most");
            assert_eq!(sent, shape.ways() * STREAMS as u32 * CAPACITY, "{what}");
            let allowed = shape.ways() as usize * PEAK_BYTES;
            assert!(peak <= allowed, "{what}: {peak} bytes at most, {allowed} allowed");

            // Memory while one of the streams is read; of the input streams only that one is left then. Once in each
            // direction, because it takes seconds.
            if matches!((shape, from.name(), to), (Shape::Pushed | Shape::Uploaded, A, B)) {
                let read = floods.remove(0);
                if matches!(shape, Shape::Uploaded) {
                    floods.clear();
                    sleep(Duration::from_secs(1)).await;
                }
                tap.open.send_replace(true);
                assert_eq!(read.await, ITEMS, "{what}");
                let peak = meter.peak();
                assert!(peak <= allowed, "{what}: {peak} bytes at most while read");
            }
            drop(floods);
            sleep(Duration::from_secs(1)).await;
        }
    }
}
