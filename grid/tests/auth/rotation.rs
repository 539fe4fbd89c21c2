//! A shared secret is replaced node by node, while calls go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use grid::{Manager, SharedSecret};

use crate::support::{A, B, Network};

const C: &str = "http://c:1";
const NAMES: [&str; 3] = [A, B, C];
const SOON: Duration = Duration::from_secs(5);

fn start(network: &Network, name: &str, secret: SharedSecret) -> Manager {
    let builder = network.node(name, &NAMES).token(secret);
    let echo = |_, payload| async move { Ok(payload) };
    let node = builder.single_handler(7, None, echo).build().unwrap();
    network.attach(&node);
    node
}

async fn call(from: &Manager, to: &str) {
    let answer = from.connection(to).unwrap().request(7, Some("x".into())).await;
    assert_eq!(answer, Ok(Some("x".into())), "{} to {to}", from.name());
}

/// Waits until every node is connected with every other one, and calls it.
async fn all_call_each_other(nodes: &[Manager]) {
    for from in nodes {
        for to in NAMES.iter().filter(|to| **to != from.name()) {
            from.connection(to).unwrap().wait_connected(SOON).await.unwrap();
            call(from, to).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_fails_but_those_of_the_node_that_restarts() {
    let network = Network::default();
    let mut nodes = NAMES.map(|name| start(&network, name, SharedSecret::new("old"))).to_vec();
    all_call_each_other(&nodes).await;
    let both = SharedSecret::new("new").also_accept("old");
    let calls = Arc::new(AtomicUsize::new(0));
    for secret in [both, SharedSecret::new("new")] {
        for index in 0..NAMES.len() {
            let others: Vec<_> =
                nodes.iter().filter(|node| node.name() != NAMES[index]).cloned().collect();
            let is_over = Arc::new(AtomicBool::new(false));
            let (over, counted) = (Arc::clone(&is_over), Arc::clone(&calls));
            let calling = tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    call(&others[0], others[1].name()).await;
                    call(&others[1], others[0].name()).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            network.detach(NAMES[index]);
            nodes[index].shutdown(SOON).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            nodes[index] = start(&network, NAMES[index], secret.clone());
            all_call_each_other(&nodes).await;
            is_over.store(true, Ordering::Relaxed);
            calling.await.unwrap();
        }
    }
    assert!(calls.load(Ordering::Relaxed) > 200);
    // The old secret alone is worth nothing any more.
    network.detach(C);
    nodes.pop().unwrap().shutdown(SOON).await;
    let late = start(&network, C, SharedSecret::new("old"));
    for name in [A, B] {
        late.connection(name).unwrap().wait_connected(SOON).await.unwrap_err();
    }
}
