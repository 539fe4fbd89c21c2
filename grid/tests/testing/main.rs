//! `grid::testing`: each fault does what it says, nodes end and come back, and assertions say what is missing.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod asserting;
mod faults;
mod loopback;
mod nodes;
mod recording;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use grid::testing::{TestGrid, TestGridBuilder};
use grid::{Outgoing, RemoteError};

/// A service whose answers say which node has answered.
#[grid::service]
trait Probe {
    async fn number(&self) -> u64;
    async fn echo(&self, text: String) -> Result<String, RemoteError>;
    async fn sleep(&self, secs: u64) -> u64;
    async fn count(&self, to: u64, out: Outgoing<u64>) -> Result<(), RemoteError>;
}

struct Numbered(u64);

impl Probe for Numbered {
    async fn number(&self) -> u64 {
        self.0
    }

    async fn echo(&self, text: String) -> Result<String, RemoteError> {
        if text.is_empty() { Err(RemoteError::new("nothing to say")) } else { Ok(text) }
    }

    async fn sleep(&self, secs: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(secs)).await;
        self.0
    }

    async fn count(&self, to: u64, mut out: Outgoing<u64>) -> Result<(), RemoteError> {
        for number in 0..to {
            out.send(number).await?;
        }
        Ok(())
    }
}

/// Nodes that all serve [`Probe`].
fn probes(nodes: usize) -> TestGridBuilder {
    TestGrid::builder(nodes)
        .configure(|node, builder| builder.service(ProbeServer::new(Numbered(node as u64))))
}

fn probe(grid: &TestGrid, from: usize, to: usize) -> ProbeClient {
    ProbeClient::new(grid.connection(from, to))
}

/// The text of the panic in which this ends.
async fn panic_of<T>(future: impl Future<Output = T>) -> String {
    let Err(panic) = AssertUnwindSafe(future).catch_unwind().await else {
        panic!("it did not panic");
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}
