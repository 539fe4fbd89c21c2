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
use openraft::{BasicNode, ChangeMembers, Membership, Raft};

use super::append::log_id;
use super::cluster::{Group, PATIENCE, Rafts, config, group};
use super::store::{Log, Machine, Types};

pub(crate) fn name(node: u64) -> String {
    format!("http://node{node}:9000")
}

/// A node that lists these nodes, and follows its raft.
pub(crate) async fn start(
    network: &Network,
    node: u64,
    seeds: &[u64],
    rafts: &mut Rafts,
) -> Manager {
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
    manager.members().follow(RaftMembers::new(&manager, seeds).group(&group, &raft));
    rafts.rafts.push(raft);
    rafts.machines.push(machine);
    rafts.groups.push(group);
    manager
}

/// Waits until a node lists exactly these.
pub(crate) async fn lists(manager: &Manager, nodes: &[u64]) {
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

/// Starts nodes, of which these are voters, and returns the leader.
pub(crate) async fn voters(
    network: &Network,
    nodes: u64,
    rafts: &mut Rafts,
) -> (Vec<Manager>, usize) {
    let mut managers = Vec::new();
    let all: Vec<_> = (0..nodes).collect();
    for node in 0..nodes {
        managers.push(start(network, node, &all, rafts).await);
    }
    let first = all.iter().map(|node| (*node, BasicNode::new(name(*node))));
    rafts.rafts[0].initialize(first.collect::<BTreeMap<_, _>>()).await.unwrap();
    let leader = rafts.leader(0).await;
    (managers, leader)
}

/// Makes a new node a voter, and then the leader.
async fn join_and_lead(node: u64, leader: usize, rafts: &Rafts) {
    let raft = &rafts.rafts[leader];
    raft.add_learner(node, BasicNode::new(name(node)), true).await.unwrap();
    let change = ChangeMembers::AddVoterIds(BTreeSet::from([node]));
    raft.change_membership(change, true).await.unwrap();
    let leads = |metrics: &openraft::RaftMetrics<Types>| metrics.current_leader == Some(node);
    // Another one may be elected, as long as the new node lacks an entry or a link.
    for _ in 0..20 {
        let now = rafts.leader(leader).await;
        rafts.rafts[now].trigger().transfer_leader(node).await.unwrap();
        let waiting = raft.wait(Some(Duration::from_secs(3)));
        if waiting.metrics(leads, "the new node leads").await.is_ok() {
            rafts.leader(leader).await;
            return;
        }
    }
    panic!("node {node} does not become the leader");
}

fn cut_off(network: &Network, node: u64, others: u64) {
    (0..others).filter(|other| *other != node).for_each(|other| {
        network.cut(&name(node), &name(other));
    });
}

/// It does not have the new leader in its log, and cannot have it before it lists the new leader.
#[tokio::test(start_paused = true)]
async fn a_voter_that_was_away_is_told_of_a_new_leader() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (mut managers, leader) = voters(&network, 3, &mut rafts).await;
    let away = (leader + 1) % 3;
    cut_off(&network, away as u64, 4);
    managers.push(start(&network, 3, &[leader as u64, 3], &mut rafts).await);
    join_and_lead(3, leader, &rafts).await;
    rafts.write(3, "while it was away").await;
    lists(&managers[away], &[0, 1, 2]).await;

    network.heal_all();
    rafts.applied(&[3, away], 1).await;
    lists(&managers[away], &[0, 1, 2, 3]).await;
    rafts.shut_down().await;
}

/// Unlike a voter, it does not even stand for election.
#[tokio::test(start_paused = true)]
async fn a_learner_that_was_away_is_told_of_a_new_leader() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (mut managers, leader) = voters(&network, 3, &mut rafts).await;
    managers.push(start(&network, 3, &[leader as u64, 3], &mut rafts).await);
    let learner = BasicNode::new(name(3));
    rafts.rafts[leader].add_learner(3, learner, true).await.unwrap();
    cut_off(&network, 3, 5);
    managers.push(start(&network, 4, &[leader as u64, 4], &mut rafts).await);
    join_and_lead(4, leader, &rafts).await;
    rafts.write(4, "while it was away").await;

    network.heal_all();
    rafts.applied(&[4, 3], 1).await;
    lists(&managers[3], &[0, 1, 2, 3, 4]).await;
    rafts.shut_down().await;
}

/// A new node need not know the leader.
#[tokio::test(start_paused = true)]
async fn a_node_joins_that_knows_a_follower() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (mut managers, leader) = voters(&network, 3, &mut rafts).await;
    let follower = (leader + 1) % 3;
    managers.push(start(&network, 3, &[follower as u64, 3], &mut rafts).await);
    let raft = &rafts.rafts[leader];
    let adding = raft.add_learner(3, BasicNode::new(name(3)), true);
    let added = tokio::time::timeout(PATIENCE.unwrap(), adding).await;
    added.expect("it joins").unwrap();
    lists(&managers[3], &[0, 1, 2, 3]).await;
    rafts.shut_down().await;
}

/// A follower that has not heard of the removal tells of the removed node, in vain.
#[tokio::test(start_paused = true)]
async fn a_removed_node_does_not_come_back_by_what_is_told() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (managers, leader) = voters(&network, 4, &mut rafts).await;
    let [behind, gone, other] = [1, 2, 3].map(|step| (leader + step) % 4);
    rafts.write(leader, "before").await;
    rafts.applied(&[leader, behind, gone, other], 1).await;
    network.cut(&name(leader as u64), &name(behind as u64));
    let change = ChangeMembers::RemoveVoters(BTreeSet::from([gone as u64]));
    rafts.rafts[leader].change_membership(change, false).await.unwrap();
    let mut left: Vec<_> = [leader, behind, other].map(|node| node as u64).into();
    left.sort_unstable();
    lists(&managers[leader], &left).await;
    lists(&managers[other], &left).await;
    // It has a link to the follower that knows better, and none to the leader.
    assert_eq!(managers[behind].members().list().len(), 4);
    assert!(managers[other].connection(&name(behind as u64)).unwrap().state().is_connected());
    tokio::time::sleep(Duration::from_secs(30)).await;
    lists(&managers[leader], &left).await;
    lists(&managers[other], &left).await;

    network.heal_all();
    lists(&managers[behind], &left).await;
    rafts.shut_down().await;
}
