//! openraft over grid, as in `kv`.

use std::sync::Arc;

use grid::{Manager, SharedSecret};
use grid_kv::model::Types;
use grid_openraft::{RaftGroup, RaftMembers, SnapshotRate};
use openraft::{Config, Raft};
use tokio::fs::File;
use tokio::net::TcpListener;

use super::beats::probe;
use super::place::{Node, Place};
use crate::error::Result;
use crate::store::Store;

pub(super) async fn start<S: Store>(
    place: &Place,
    config: Arc<Config>,
    rate: SnapshotRate,
    listener: TcpListener,
    (log, machine): (S::Log, S::Machine),
) -> Result<Node<S::Machine>> {
    let group = RaftGroup::<Types, S::Machine>::new("kv", || async {
        Ok(File::from_std(tempfile::tempfile()?))
    });
    let names = place.names.iter().map(|(_, name)| name.clone());
    let manager = Manager::builder(&place.name)
        .hosts(names.clone())
        .token(SharedSecret::new("of the bench"))
        .service(group.clone())
        .build()?;
    let network = group.network(&manager, place.id).with_snapshot_rate(rate);
    let raft = Raft::new(place.id, config, network, log, machine).await?;
    group.start(raft.clone());
    manager.members().follow(RaftMembers::new(&manager, names).group(&group, &raft));
    let (served, id) = (manager.clone(), place.id);
    tokio::spawn(async move { served.serve(listener).await });
    Ok(Node { raft, probe: probe(move || group.network(&manager, id)) })
}
