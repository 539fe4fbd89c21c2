//! Nodes that accept from an HTTP server: `Manager::http_service` in hyper and axum, beside REST and gRPC, behind nginx.
//!
//! | file | what |
//! |---|---|
//! | `requests.rs` | each request and its response, and what is logged |
//! | `mounted.rs` | nodes in hyper, in memory: several routes, limits, timeouts, shutdown |
//! | `ports.rs` | one port for REST, gRPC and a grid, over loopback sockets |
//! | `http2.rs` | a proxy that changes HTTP/1.1 to HTTP/2 |
//! | `certificate.rs` | client certificates that the server has verified |
//! | `nginx.rs` | nginx with TLS in front |
#![cfg(feature = "http2")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "../support/double.rs"]
mod double;
#[path = "../support/log.rs"]
mod lines;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/mod.rs"]
mod support;

mod certificate;
mod http2;
mod mounted;
mod nginx;
mod ports;
mod requests;

use std::time::Duration;

use double::{DoubleClient, DoubleServer, Doubler};
use grid::{Builder, Dial, Dialing, HttpService, Io, Manager};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use support::{A, B, sides};
use tokio::io::{DuplexStream, duplex};

/// Longer than a node needs to connect.
const SOON: Duration = Duration::from_secs(20);

/// Checks that a node can call another one.
#[track_caller]
fn assert_calls(from: &Manager, to: &str) -> impl Future<Output = ()> {
    let connection = from.connection(to).unwrap();
    async move {
        connection.wait_connected(SOON).await.unwrap();
        assert_eq!(DoubleClient::new(connection).double(21).await.unwrap(), 42);
    }
}

/// hyper in memory: each connection has a server of its own.
#[derive(Clone)]
struct Hyper(HttpService);

impl Hyper {
    fn open(&self) -> DuplexStream {
        let (near, far) = duplex(64 * 1024);
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(1));
        tokio::spawn(server.serve_connection(TokioIo::new(far), self.0.clone()).with_upgrades());
        near
    }
}

impl Dial for Hyper {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.open();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

/// A node that is dialed, and the name of the one that dials it.
fn listening(configure: impl FnOnce(Builder) -> Builder) -> (Manager, &'static str) {
    let (dialer, listener) = sides();
    let builder = Manager::builder(listener)
        .hosts([A, B])
        .token(grid::NoAuth)
        .service(DoubleServer::new(Doubler));
    (configure(builder).build().unwrap(), dialer)
}

/// A node that dials `listener`.
fn dialing(dial: impl Dial, configure: impl FnOnce(Builder) -> Builder) -> Manager {
    let builder = Manager::builder(sides().0)
        .hosts([A, B])
        .token(grid::NoAuth)
        .service(DoubleServer::new(Doubler));
    configure(builder.dial_with(dial)).build().unwrap()
}
