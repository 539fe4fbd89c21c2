//! `kv node`: runs a node until a signal.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use grid::admin::LogFilter;
use grid::{Builder, SharedSecret, Tls};
use grid_kv::node::{Node, StartError, guests};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::exit::Failure;
use crate::observe::{Exporter, Probes, observed};
use crate::settings::NodeSettings;

/// How often changed certificates are looked for.
const TLS_RELOAD: Duration = Duration::from_secs(60);

/// The level of the log, which operators can change.
struct LogLevel(reload::Handle<Targets, Registry>);

/// openraft tells each of its steps at the level of information, and warns of each heartbeat to a node that is down: too much for
/// operators, who see from the links which nodes are down.
fn targets(level: LevelFilter) -> Targets {
    let openraft = match level {
        LevelFilter::INFO | LevelFilter::WARN => LevelFilter::ERROR,
        level => level,
    };
    Targets::new().with_default(level).with_target("openraft", openraft)
}

impl LogFilter for LogLevel {
    fn get(&self) -> String {
        self.0.clone_current().map(|targets| targets.to_string()).unwrap_or_default()
    }

    fn set(&self, level: &str) -> Result<(), String> {
        let level: LevelFilter =
            level.parse().map_err(|_| "not error, warn, info, debug or trace")?;
        self.0.reload(targets(level)).map_err(|error| error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        match error {
            StartError::Settings(_) | StartError::Grid(_) => Self::Usage(text),
            StartError::Storage { .. } => Self::NotDone(format!(
                "{text}; check that no other process uses the folder and that it can be written"
            )),
            _ => Self::NotDone(text),
        }
    }
}

/// Runs a node. Ends with success after SIGTERM or Ctrl-C, and with a failure if its raft has ended.
pub(crate) async fn run(settings: NodeSettings) -> Result<(), Failure> {
    let interrupted = interrupted()?;
    let (filter, level) = reload::Layer::new(targets(LevelFilter::from_level(settings.log)));
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    tracing_subscriber::registry().with(filter).with(log).init();
    let exporter = Exporter::install().map_err(|error| Failure::NotDone(error.to_string()))?;
    // First, so that a wrong address does not begin a group.
    let listener = listen(&settings.listen, "listen").await?;
    let probes = listen(&settings.probes, "probes").await?;
    let node = Node::build(&settings.node, |builder| {
        let builder = observed(secured(builder, &settings));
        let (clients, operators) = (&settings.clients_secret, &settings.operators_secret);
        guests(builder, clients.as_deref(), operators.as_deref(), |operators| {
            operators.log_filter(LogLevel(level))
        })
    })
    .await?;
    tokio::spawn(node.manager().serve(listener));
    let (stopping, is_stopping) = watch::channel(false);
    Probes::new(node.clone(), exporter, is_stopping).serve(probes);
    tracing::info!(node = node.manager().name(), "serving");
    tokio::select! {
        () = interrupted => {}
        ended = ended(&node) => return Err(ended),
    }
    stop(&node, &settings, &stopping).await
}

async fn listen(address: &str, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Usage(format!("{setting} = {address:?}: {error}")))
}

/// Nodes prove that they know the secret. TLS encrypts, and proves to the node or client that dials that the other one has its name.
fn secured(builder: Builder, settings: &NodeSettings) -> Builder {
    let builder = builder.token(SharedSecret::new(&settings.secret));
    match &settings.tls {
        Some(files) => {
            let tls = Tls::with_ca(&files.ca).certificate(&files.certificate, &files.key);
            builder.tls(tls.reload_interval(TLS_RELOAD))
        }
        None => builder,
    }
}

/// Waits until the raft has ended by itself, which it does when the disk fails.
async fn ended(node: &Node) -> Failure {
    let failed = |metrics: &openraft::RaftMetrics<_>| metrics.running_state.is_err();
    let reason = match node.raft().wait(None).metrics(failed, "the raft ends").await {
        Ok(metrics) => metrics.running_state.err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let reason = reason.unwrap_or_default();
    Failure::NotDone(format!(
        "the raft has ended: {reason}; check the disk, and start the node again"
    ))
}

async fn stop(
    node: &Node,
    settings: &NodeSettings,
    stopping: &watch::Sender<bool>,
) -> Result<(), Failure> {
    let again = interrupted()?;
    let stop = async {
        tracing::info!("not ready any more: stopping");
        stopping.send_replace(true);
        // Probes need time to notice. Until then, requests are served as before.
        tokio::time::sleep(settings.unready).await;
        node.shutdown(settings.grace).await;
        tracing::info!("stopped");
    };
    tokio::select! {
        () = stop => Ok(()),
        () = again => Err(Failure::NotDone("interrupted again: stopped at once".into())),
    }
}

/// Listens for Ctrl-C and SIGTERM from now on. The future completes at the first one.
#[cfg(unix)]
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C from now on. The future completes when it arrives.
#[cfg(windows)]
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
