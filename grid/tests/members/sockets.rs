//! A grid over real sockets that grows and shrinks under load. Takes seconds, so it is run by hand:
//! `cargo test --release -p grid-rpc --test members -- --ignored --nocapture grows`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grid::{Connection, Manager, SharedSecret};
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

const ECHO: u8 = 1;

/// Calls of all links together in a second.
const RATE: u64 = 10_000;

/// Calls that are made at once, every 10 ms.
const BURST: u64 = RATE / 100;

const PHASE: Duration = Duration::from_secs(2);

fn start(name: &str, hosts: &[String], listener: TcpListener) -> Manager {
    let node = Manager::builder(name)
        .hosts(hosts)
        .token(SharedSecret::new("correct horse"))
        .single_handler(ECHO, None, |_cx, payload| async move { Ok(payload) })
        .build()
        .unwrap();
    tokio::spawn(node.serve(listener));
    node
}

/// Makes calls over these connections in turn, until it is stopped. Returns the number of calls.
async fn load(links: Vec<Connection>, failed: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> u64 {
    let mut made = 0;
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let calls: Vec<_> = (made..made + BURST)
            .map(|number| links[number as usize % links.len()].request(ECHO, Some("x".into())))
            .collect();
        made += BURST;
        for call in calls {
            if let Err(error) = call.await {
                println!("failed: {error}");
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes eight seconds, and counts calls per second"]
async fn a_grid_grows_and_shrinks_under_load() {
    let (mut names, mut listeners) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        names.push(format!("http://{}", listener.local_addr().unwrap()));
        listeners.push(listener);
    }
    let mut listeners = listeners.into_iter();
    let staying: Vec<_> = (names[..3].iter())
        .map(|name| start(name, &names[..3], listeners.next().unwrap()))
        .collect();
    let links: Vec<_> = staying.iter().flat_map(Manager::connections).collect();
    for link in &links {
        link.wait_connected(Duration::from_secs(10)).await.unwrap();
    }
    let (failed, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let load = tokio::spawn(load(links, Arc::clone(&failed), Arc::clone(&stop)));
    let begun = Instant::now();
    sleep(PHASE).await;

    let joined = Instant::now();
    let joining: Vec<_> =
        names[3..].iter().map(|name| start(name, &names, listeners.next().unwrap())).collect();
    for node in &staying {
        node.members().replace(names.clone(), PHASE).unwrap();
    }
    for node in staying.iter().chain(&joining) {
        for link in node.connections() {
            link.wait_connected(Duration::from_secs(10)).await.unwrap();
        }
    }
    let joined = joined.elapsed();
    sleep(PHASE).await;

    let left = Instant::now();
    for node in &staying {
        node.members().replace(names[..3].to_vec(), PHASE).unwrap();
    }
    for node in &joining {
        node.shutdown(PHASE).await;
    }
    let left = left.elapsed();
    sleep(PHASE).await;
    stop.store(true, Ordering::Relaxed);
    let made = load.await.unwrap();
    let rate = made as f64 / begun.elapsed().as_secs_f64();
    let failed = failed.load(Ordering::Relaxed);
    println!(
        "{made} calls, {rate:.0} a second, {failed} failed; joined in {joined:?}, left in {left:?}"
    );
    assert_eq!(failed, 0);
    assert!(joined < Duration::from_secs(2), "{joined:?}");
}
