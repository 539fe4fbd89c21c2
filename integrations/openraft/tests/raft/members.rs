//! The membership of a group drives the host lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use grid::Manager;
use grid::testing::Network;
use grid_openraft::RaftMembers;
use openraft::entry::RaftEntry as _;
use openraft::network::{RPCOption, RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::raft::AppendEntriesRequest;
use openraft::type_config::alias::{EntryOf, VoteOf};
use openraft::{BasicNode, Membership, Raft};

use super::append::log_id;
use super::cluster::{Group, PATIENCE, Rafts, config, group};
use super::store::{Log, Machine, Types};

fn name(node: u64) -> String {
    format!("http://node{node}:9000")
}

/// A node that lists these nodes, and follows its raft.
async fn start(network: &Network, node: u64, seeds: &[u64], rafts: &mut Rafts) -> Manager {
    let group: Group = group("");
    let seeds: Vec<_> = seeds.iter().map(|seed| name(*seed)).collect();
    let builder = Manager::builder(name(node)).hosts(seeds.clone()).token(grid::NoAuth);
    let builder = builder.service(group.clone()).dial_with(network.dialer(name(node)));
    let manager = builder.build().unwrap();
    network.attach(&manager);
    let config = Arc::new(config().validate().unwrap());
    let machine = Machine::default();
    let network = group.network(&manager, node);
    let raft = Raft::new(node, config, network, Log::default(), machine.clone()).await.unwrap();
    group.start(raft.clone());
    manager.members().follow(RaftMembers::new(seeds).group(&raft));
    rafts.rafts.push(raft);
    rafts.machines.push(machine);
    rafts.groups.push(group);
    manager
}

/// Waits until a node lists exactly these.
async fn lists(manager: &Manager, nodes: &[u64]) {
    let expected: Vec<_> = nodes.iter().map(|node| name(*node)).collect();
    let listed = async {
        while manager.members().list() != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let listed = tokio::time::timeout(PATIENCE.unwrap(), listed).await;
    listed.unwrap_or_else(|_| panic!("{} lists {:?}", manager.name(), manager.members().list()));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_join_and_leave_the_group_join_and_leave_the_grid() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let mut managers = Vec::new();
    for node in 0..3 {
        managers.push(start(&network, node, &[0, 1, 2], &mut rafts).await);
    }
    let first: BTreeMap<_, _> = (0..3).map(|node| (node, BasicNode::new(name(node)))).collect();
    rafts.rafts[0].initialize(first).await.unwrap();
    let leader = rafts.leader(0).await;
    rafts.write(leader, "before").await;

    // The new one lists the others, and they do not list it.
    managers.push(start(&network, 3, &[0, 1, 2, 3], &mut rafts).await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    lists(&managers[leader], &[0, 1, 2]).await;
    let raft = rafts.rafts[leader].clone();
    raft.add_learner(3, BasicNode::new(name(3)), true).await.unwrap();
    for manager in &managers {
        lists(manager, &[0, 1, 2, 3]).await;
    }
    rafts.applied(&[leader, 3], 1).await;

    // A follower is replaced by the new one.
    let gone = (leader + 1) % 3;
    let rest: BTreeSet<u64> = (0..4).filter(|node| *node != gone as u64).collect();
    raft.change_membership(rest.clone(), false).await.unwrap();
    let nodes: Vec<_> = rest.iter().copied().collect();
    for node in &nodes {
        lists(&managers[*node as usize], &nodes).await;
    }
    rafts.write(leader, "after").await;
    rafts.applied(&[leader, 3], 2).await;
    rafts.shut_down().await;
}

/// Entries that make these nodes the voters.
fn membership(index: u64, voters: &[u64]) -> EntryOf<Types> {
    let nodes: BTreeMap<_, _> =
        voters.iter().map(|node| (*node, BasicNode::new(name(*node)))).collect();
    let voters = voters.iter().copied().collect::<BTreeSet<_>>();
    EntryOf::<Types>::new_membership(log_id(index), Membership::new(vec![voters], nodes).unwrap())
}

/// A leader that removes itself leads until that is committed.
#[tokio::test(start_paused = true)]
async fn a_node_is_removed_when_the_change_is_committed() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let leader = start(&network, 0, &[0, 1, 2], &mut rafts).await;
    let follower = start(&network, 1, &[0, 1, 2], &mut rafts).await;
    leader.connection(&name(1)).unwrap().wait_connected(PATIENCE.unwrap()).await.unwrap();
    let mut factory = rafts.groups[0].network(&leader, 0);
    let mut client = factory.new_client(1, &BasicNode::new(name(1))).await;
    let steps = [
        (Some(membership(0, &[0, 1, 2])), None, vec![0, 1, 2]),
        (Some(membership(1, &[1, 2])), Some(0), vec![0, 1, 2]),
        (None, Some(1), vec![1, 2]),
    ];
    for (index, (entry, committed, expected)) in steps.into_iter().enumerate() {
        let request = AppendEntriesRequest::<Types> {
            vote: VoteOf::<Types>::new_committed(1, 0),
            prev_log_id: (index as u64).checked_sub(1).map(log_id),
            entries: entry.into_iter().collect(),
            leader_commit: committed.map(log_id),
        };
        client.append_entries(request, RPCOption::new(Duration::from_secs(1))).await.unwrap();
        // Shorter than the timeout of an election.
        tokio::time::sleep(Duration::from_millis(100)).await;
        lists(&follower, &expected).await;
    }
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_removes_itself() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let mut managers = Vec::new();
    for node in 0..4 {
        managers.push(start(&network, node, &[0, 1, 2, 3], &mut rafts).await);
    }
    let all: BTreeMap<_, _> = (0..4).map(|node| (node, BasicNode::new(name(node)))).collect();
    rafts.rafts[0].initialize(all).await.unwrap();
    let old = rafts.leader(0).await;
    rafts.write(old, "before").await;
    let rest: Vec<_> = (0..4).filter(|node| *node != old).collect();
    let voters: BTreeSet<_> = rest.iter().map(|node| *node as u64).collect();
    rafts.rafts[old].change_membership(voters.clone(), false).await.unwrap();

    let elected = |metrics: &openraft::RaftMetrics<Types>| {
        metrics.current_leader.is_some_and(|leader| leader != old as u64)
    };
    let waiting = rafts.rafts[rest[0]].wait(PATIENCE);
    let new = waiting.metrics(elected, "another leader").await.unwrap().current_leader.unwrap();
    rafts.leader(rest[0]).await;
    rafts.write(new as usize, "after").await;
    rafts.applied(&rest, 2).await;
    let voters: Vec<_> = voters.into_iter().collect();
    for node in rest {
        lists(&managers[node], &voters).await;
    }
    rafts.shut_down().await;
}
