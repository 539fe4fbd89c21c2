//! Links that are disturbed all the time, beside the faults of nodes: slow ones, and connections that are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grid_chaos::Pair;
use grid_chaos::proxy::Conditions;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::site::{OPERATOR, PLACES, of_client};

/// How much later what is sent over a slow link arrives, in milliseconds.
const DELAY_MS: std::ops::Range<u64> = 1..60;

/// How long a link is slow.
const SLOW_MS: std::ops::Range<u64> = 200..3000;

/// From one to the next.
const PAUSE_MS: std::ops::Range<u64> = 100..1500;

/// How often a connection is closed, and not slow.
const CLOSES: f64 = 0.4;

/// Links that were disturbed.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    pub(crate) slow: AtomicU64,
    pub(crate) closed: AtomicU64,
}

impl Noise {
    /// Disturbs links until it is dropped.
    pub(crate) async fn run(self: Arc<Self>, fleet: Arc<Fleet>, clients: u8, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        loop {
            let pause = random.random_range(PAUSE_MS);
            sleep(Duration::from_millis(pause)).await;
            let Some(pair) = pair(&mut random, clients) else { continue };
            if random.random_bool(CLOSES) {
                fleet.links.close(pair);
                self.closed.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let delay = Duration::from_millis(random.random_range(DELAY_MS));
            fleet.links.slow(pair, Some(Conditions { delay, ..Conditions::default() }));
            self.slow.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(random.random_range(SLOW_MS))).await;
            fleet.links.slow(pair, None);
        }
    }
}

/// A node, and another one or a client. The supervisor's own links have no faults.
fn pair(random: &mut StdRng, clients: u8) -> Option<Pair> {
    let node = random.random_range(0..PLACES);
    let other = random.random_range(0..of_client(clients));
    (node != other && other != OPERATOR).then(|| Pair::new(node, other))
}
