//! `node`: a service as one would deploy it. REST, probes and the grid share one port, with or without TLS.
//!
//! Each item has an owner, a node that follows from its key, and every node passes requests on to the owner. Items are only
//! in the memory of their owner: a node that restarts has none.
//!
//! | request | response |
//! |---|---|
//! | `PUT /items/{key}` | stores the body: 204 |
//! | `GET /items/{key}` | the item, or 404; the header `x-owner` names the node that has it |
//! | `GET /livez` | 200 while the process runs |
//! | `GET /readyz` | 200 or 503, and the peers that are not connected |
//! | `GET /metrics` | the metrics of the process, for Prometheus; `deploy/` has a dashboard and alerts for them |
//!
//! Three nodes without TLS:
//!
//! ```sh
//! cargo build -p grid-examples --bin node; export NODE_SECRET=only-for-tries NODE_HOSTS=http://127.0.0.1:9001,http://127.0.0.1:9002,http://127.0.0.1:9003
//! for port in 9001 9002 9003; do target/debug/node --name http://127.0.0.1:$port --listen 127.0.0.1:$port & done
//! ```
//!
//! With the variable NODE_OPERATORS_SECRET, `grid --node http://127.0.0.1:9001 --secret … check` and the other commands of
//! `cli/` look into the nodes.
//!
//! Then `curl -T Cargo.toml http://127.0.0.1:9001/items/a` and `curl -i http://127.0.0.1:9002/items/a`; `kill %1` ends a node.
//! Settings are flags, environment variables or lines of a TOML file, see settings.rs; `deploy/` has them for Kubernetes and
//! systemd.

mod door;
mod items;
mod observe;
mod operators;
mod rest;
mod settings;
mod tls;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use grid::{CertificateName, Manager, SharedSecret, Tls};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::door::Door;
use crate::items::{ItemsServer, Store};
use crate::observe::{Exporter, observed};
use crate::operators::{Level, operated};
use crate::rest::App;
use crate::settings::{Auth, Flags, Settings};
use crate::tls::{Acceptor, Failure, RELOAD_INTERVAL};

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Flags::parse().settings() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let (filter, level) = reload::Layer::new(LevelFilter::from_level(settings.log));
    // A span is written when it has ended, with its duration: those of traced calls, and of links.
    let log = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE);
    tracing_subscriber::registry().with(filter).with(log.with_writer(io::stderr)).init();
    match run(settings, Level(level)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, level: Level) -> Result<(), Failure> {
    let interrupted = grid_examples::signal::interrupted()?;
    let exporter = Exporter::install()?;
    let store = Arc::new(Store::default());
    let node = Manager::builder(&settings.name)
        .hosts(&settings.hosts)
        .service(ItemsServer::from_arc(Arc::clone(&store)));
    let mut node = observed(node, settings.trace_share);
    if let Some(secret) = &settings.operators_secret {
        node = operated(node, secret, level);
    }
    let (node, acceptor) = match &settings.auth {
        Auth::Secret(secret) => (node.token(SharedSecret::new(secret)), None),
        Auth::Certificates { ca, certificate, key } => {
            // Only for dialing: the door below is the listener.
            let tls = Tls::with_ca(ca).client_certificate(certificate, key);
            let node = node.tls(tls.reload_interval(RELOAD_INTERVAL)).token(CertificateName::new());
            (node, Some(Acceptor::new([ca, certificate, key])?))
        }
    };
    let manager = node.build()?;
    let listener = TcpListener::bind(&settings.listen)
        .await
        .map_err(|error| format!("listen = {:?}: {error}", settings.listen))?;
    tracing::info!(node = manager.name(), address = %listener.local_addr()?, tls = acceptor.is_some(), "serving");

    let (stopping, is_stopping) = watch::channel(false);
    let app =
        App { manager: manager.clone(), ready_when: settings.ready_when, is_stopping, exporter };
    let door = Door::open(listener, acceptor, rest::router(app));
    interrupted.await;
    let again = grid_examples::signal::interrupted()?;
    let stop = async {
        tracing::info!("not ready any more: stopping");
        stopping.send_replace(true);
        // Load balancers need time to notice. Until then, requests are served as before.
        tokio::time::sleep(settings.unready).await;
        manager.shutdown(settings.grace).await;
        door.close().await;
        tracing::info!("stopped");
    };
    tokio::select! {
        () = stop => Ok(()),
        () = again => Err("interrupted again: stopped at once".into()),
    }
}
