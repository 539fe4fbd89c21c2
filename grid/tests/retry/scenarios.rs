//! Policies under load: what they add to it, and what they gain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grid::intercept::{Intercepted, Next, Outcome};
use grid::{Connection, Hedge, Manager, RemoteError, Retry, RetryBudget};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::support::Network;
use crate::{endless, ms};

#[grid::service]
trait Shard {
    #[handler(idempotent)]
    async fn read(&self, key: u64) -> Result<u64, RemoteError>;
}

/// A node whose handlers take `usual` milliseconds, and each `every`-th of them `slow`.
#[derive(Clone, Copy)]
struct Pace {
    usual: u64,
    every: u64,
    slow: u64,
}

struct Replica {
    pace: Pace,
    served: AtomicU64,
}

impl Shard for Replica {
    async fn read(&self, key: u64) -> Result<u64, RemoteError> {
        let number = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        let is_slow = number.is_multiple_of(self.pace.every);
        sleep(ms(if is_slow { self.pace.slow } else { self.pace.usual })).await;
        Ok(key)
    }
}

struct Cluster {
    replicas: Vec<Connection>,
    /// Calls that have arrived at each node.
    arrived: Vec<Arc<AtomicU64>>,
    _kept: (Network, Vec<Manager>),
}

/// Nodes with these paces; a node without one answers `Overloaded`.
async fn cluster(paces: &[Option<Pace>]) -> Cluster {
    let network = Network::default();
    let names: Vec<_> = (0..paces.len()).map(|node| format!("http://node{node}:1")).collect();
    let hosts: Vec<_> = names.iter().map(String::as_str).chain(["http://caller:1"]).collect();
    let (mut arrived, mut nodes) = (Vec::new(), Vec::new());
    for (name, pace) in names.iter().zip(paces) {
        let count = Arc::<AtomicU64>::default();
        arrived.push(Arc::clone(&count));
        let is_overloaded = pace.is_none();
        let pace = pace.unwrap_or(Pace { usual: 0, every: u64::MAX, slow: 0 });
        let replica = Replica { pace, served: AtomicU64::new(0) };
        let count_and_refuse = move |call: Intercepted, next: Next| {
            count.fetch_add(1, Ordering::Relaxed);
            async move {
                match is_overloaded {
                    true => Outcome::overloaded("overloaded", None),
                    false => next.run(call).await,
                }
            }
        };
        let node = network.node(name, &hosts).service(ShardServer::new(replica));
        let node = node.intercept(count_and_refuse).build().unwrap();
        network.attach(&node);
        nodes.push(node);
    }
    let caller = network.node("http://caller:1", &hosts).build().unwrap();
    network.attach(&caller);
    let replicas: Vec<_> = names.iter().map(|name| caller.connection(name).unwrap()).collect();
    for replica in &replicas {
        replica.wait_connected(ms(60_000)).await.unwrap();
    }
    nodes.push(caller);
    Cluster { replicas, arrived, _kept: (network, nodes) }
}

impl Cluster {
    /// Makes a call each millisecond, at one node after the other, each hedged by one of the others. Returns how many have
    /// succeeded, and how long each took.
    async fn load(&self, calls: u64, policies: Option<(&Retry, &Hedge)>) -> (usize, Vec<u128>) {
        let (mut tick, mut running) = (interval(ms(1)), JoinSet::new());
        let count = self.replicas.len() as u64;
        for number in 0..calls {
            tick.tick().await;
            let node = number % count;
            // Each of the others in turn.
            let other = (node + 1 + number / count % (count - 1)) % count;
            let mut call = ShardClient::new(self.replicas[node as usize].clone()).read(number);
            if let Some((retry, hedge)) = policies {
                call = call.retry(retry).hedge(hedge, &self.replicas[other as usize]);
            }
            running.spawn(async move {
                let began = Instant::now();
                let is_ok = call.timeout(ms(10_000)).await.is_ok();
                (is_ok, began.elapsed().as_millis())
            });
        }
        let outcomes = running.join_all().await;
        let succeeded = outcomes.iter().filter(|(is_ok, _)| *is_ok).count();
        let mut times: Vec<_> = outcomes.into_iter().map(|(_, time)| time).collect();
        times.sort_unstable();
        (succeeded, times)
    }

    /// Calls that have arrived at each node since this was asked last.
    fn take_arrived(&self) -> Vec<u64> {
        self.arrived.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect()
    }
}

const CALLS: u64 = 3_000;
/// A call each millisecond.
const SECONDS: f64 = CALLS as f64 / 1000.0;
const PER_SECOND: f64 = 5.0;
const SHARE: f64 = 0.1;
/// What a budget that begins with the load permits: nothing was saved before, but for the first second.
const ADDED_MAX: f64 = SHARE * CALLS as f64 + PER_SECOND * (SECONDS + 1.0);

/// Retries and hedges under one budget.
fn policies(budget: &RetryBudget) -> (Retry, Hedge) {
    let retry = Retry::new().attempts(4).backoff(ms(20), ms(100)).budget(budget.clone());
    // Longer than the usual time of all nodes, so that only failures move calls.
    (retry, Hedge::after(ms(500)).budget(budget.clone()))
}

/// The load of a cluster without policies, with policies that nothing bounds, and with a budget: how many calls have
/// arrived at each node, and how many calls have succeeded.
async fn storm(name: &str, paces: &[Option<Pace>]) -> [(Vec<u64>, usize); 3] {
    let cluster = cluster(paces).await;
    let (plain, _) = cluster.load(CALLS, None).await;
    let plain = (cluster.take_arrived(), plain);
    let (retry, hedge) = policies(&endless());
    let (unbounded, _) = cluster.load(CALLS, Some((&retry, &hedge))).await;
    let unbounded = (cluster.take_arrived(), unbounded);
    let (retry, hedge) = policies(&RetryBudget::new().share(SHARE).per_second(PER_SECOND));
    let (bounded, _) = cluster.load(CALLS, Some((&retry, &hedge))).await;
    let bounded = (cluster.take_arrived(), bounded);
    for (policy, (arrived, succeeded)) in
        ["none", "unbounded", "budget"].iter().zip([&plain, &unbounded, &bounded])
    {
        let sum: u64 = arrived.iter().sum();
        println!("{name}, {policy:>9}: {arrived:?}, {sum} in all, {succeeded} of {CALLS} succeed");
    }
    [plain, unbounded, bounded]
}

const HEALTHY: Option<Pace> = Some(Pace { usual: 2, every: u64::MAX, slow: 0 });

#[tokio::test(start_paused = true)]
async fn a_failed_node_adds_no_more_load_to_the_others_than_the_budget() {
    let paces = [None, HEALTHY, HEALTHY, HEALTHY, HEALTHY];
    let [plain, unbounded, bounded] = storm("one of five", &paces).await;
    let others = |(arrived, _): &(Vec<u64>, usize)| arrived[1..].iter().sum::<u64>();
    let usual = others(&plain);
    assert_eq!(usual, CALLS * 4 / 5);
    assert_eq!(plain.1 as u64, usual);
    assert_eq!(unbounded.1 as u64, CALLS);
    assert_eq!(others(&unbounded), CALLS, "a quarter more");
    let added = others(&bounded) - usual;
    assert!(added as f64 <= ADDED_MAX, "{added} calls more, and not {ADDED_MAX}");
    assert!(added as f64 > ADDED_MAX * 0.7, "the budget is used: {added} of {ADDED_MAX}");
    let sum = bounded.0.iter().sum::<u64>() - CALLS;
    assert!(sum as f64 <= ADDED_MAX, "{sum} calls more at all nodes");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_all_is_not_multiplied() {
    let [plain, unbounded, bounded] = storm("five of five", &[None; 5]).await;
    let sum = |(arrived, _): &(Vec<u64>, usize)| arrived.iter().sum::<u64>();
    assert_eq!((sum(&plain), plain.1), (CALLS, 0));
    assert_eq!(sum(&unbounded), 8 * CALLS, "four attempts, each at two nodes");
    let added = sum(&bounded) - CALLS;
    assert!(added as f64 <= ADDED_MAX, "{added} calls more, and not {ADDED_MAX}");
}

#[tokio::test(start_paused = true)]
async fn a_hedge_hides_a_node_that_is_sometimes_slow() {
    let slow = Some(Pace { usual: 2, every: 20, slow: 200 });
    let cluster = cluster(&[slow, HEALTHY, HEALTHY]).await;
    let p99 = |times: &[u128]| times[times.len() * 99 / 100];
    let (_, plain) = cluster.load(CALLS, None).await;
    let arrived = cluster.take_arrived();
    println!("without: p99 {} ms, calls at the nodes {arrived:?}", p99(&plain));
    assert_eq!(p99(&plain), 200);

    let (no_retry, hedge) = (Retry::new().attempts(1), Hedge::after(ms(10)));
    let (succeeded, hedged) = cluster.load(CALLS, Some((&no_retry, &hedge))).await;
    let arrived = cluster.take_arrived();
    let added = arrived.iter().sum::<u64>() - CALLS;
    let share = added as f64 / CALLS as f64 * 100.0;
    println!(
        "hedged after 10 ms: p99 {} ms, calls at the nodes {arrived:?}, {share:.1} % more",
        p99(&hedged)
    );
    assert_eq!(succeeded as u64, CALLS);
    assert!(p99(&hedged) < 20, "{} ms", p99(&hedged));
    assert!((1.0..2.5).contains(&share), "{share} % more");
}
