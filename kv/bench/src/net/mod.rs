//! The contenders: networks of openraft over the same store, with the same configuration.

mod beats;
mod codec;
mod function;
mod grid;
mod grpc;
mod http;
mod place;

use std::io;
use std::sync::Arc;

use grid_openraft::SnapshotRate;
use openraft::{Config, Raft, SnapshotPolicy};
use tokio::net::TcpListener;

pub(crate) use self::beats::{Beaten, Beats};
pub(crate) use self::function::Registry;
pub(crate) use self::place::{Node, Place};
use crate::cell::Contender;
use crate::error::Result;
use crate::store::Store;

/// Starts a node in the runtime that this is called in.
pub(crate) async fn start<S: Store>(
    contender: Contender,
    place: &Place,
    listener: std::net::TcpListener,
    store: (S::Log, S::Machine),
    registry: &Registry<S::Machine>,
) -> Result<Node<S::Machine>> {
    let (listener, config) = (tokio_listener(listener)?, config()?);
    let ((log, machine), id) = (store, place.id);
    match contender {
        Contender::Grid | Contender::GridUnlimited => {
            let rate = match contender {
                Contender::GridUnlimited => SnapshotRate::unlimited(),
                _ => SnapshotRate::default(),
            };
            grid::start::<S>(place, config, rate, listener, (log, machine)).await
        }
        Contender::Grpc | Contender::GrpcUnary => {
            let network = grpc::Network::new(contender == Contender::GrpcUnary);
            let raft = Raft::new(id, config, network.clone(), log, machine).await?;
            grpc::serve(listener, raft.clone());
            Ok(Node { raft, probe: beats::probe(move || network.clone()) })
        }
        Contender::Http => {
            let network = http::Network::new();
            let raft = Raft::new(id, config, network.clone(), log, machine).await?;
            http::serve(listener, raft.clone());
            Ok(Node { raft, probe: beats::probe(move || network.clone()) })
        }
        Contender::Function => {
            let raft = Raft::new(id, config, registry.clone(), log, machine).await?;
            registry.add(id, raft.clone());
            let registry = registry.clone();
            Ok(Node { raft, probe: beats::probe(move || registry.clone()) })
        }
    }
}

fn tokio_listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// That of `kv`, but snapshots are made when the bench asks for them.
fn config() -> Result<Arc<Config>> {
    let config = Config {
        heartbeat_interval: 100,
        election_timeout_min: 500,
        election_timeout_max: 1000,
        install_snapshot_timeout: 20_000,
        snapshot_policy: SnapshotPolicy::Never,
        // A node without the log gets a snapshot.
        max_in_snapshot_log_to_keep: 0,
        // One with it never does: writes go on during a transfer.
        replication_lag_threshold: u64::MAX / 2,
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    Ok(Arc::new(config.validate()?))
}
