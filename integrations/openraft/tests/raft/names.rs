//! Names of members that the grid does not take.

use std::collections::BTreeSet;

use grid::testing::Network;
use openraft::{BasicNode, ChangeMembers};

use super::cluster::Rafts;
use super::members::{lists, name, start, voters};

/// Otherwise the whole list would be refused, with all later changes of the members.
#[tokio::test(start_paused = true)]
async fn a_name_that_the_grid_does_not_take_is_left_out() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (mut managers, leader) = voters(&network, 3, &mut rafts).await;
    let raft = rafts.rafts[leader].clone();
    for (node, bad) in [(7, "node7"), (8, "http://NODE1:9000"), (9, "http://0.0.0.0:9000")] {
        raft.add_learner(node, BasicNode::new(bad), false).await.unwrap();
    }
    managers.push(start(&network, 3, &[0, 1, 2, 3], &mut rafts).await);
    raft.add_learner(3, BasicNode::new(name(3)), true).await.unwrap();
    for manager in &managers {
        lists(manager, &[0, 1, 2, 3]).await;
    }
    let change = ChangeMembers::RemoveNodes(BTreeSet::from([3, 7, 8, 9]));
    raft.change_membership(change, false).await.unwrap();
    lists(&managers[leader], &[0, 1, 2]).await;
    rafts.shut_down().await;
}

/// A member of another spelling of its name must not freeze the list of that node, and what is told must not replace what the log has.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_added_by_another_spelling_lists_the_others() {
    let network = Network::new();
    let mut rafts = Rafts { groups: vec![], rafts: vec![], machines: vec![] };
    let (mut managers, leader) = voters(&network, 3, &mut rafts).await;
    let raft = rafts.rafts[leader].clone();
    managers.push(start(&network, 3, &[0, 1, 2, 3], &mut rafts).await);
    raft.add_learner(3, BasicNode::new(name(3)), true).await.unwrap();
    raft.add_learner(8, BasicNode::new(name(3).to_uppercase().replace("HTTP", "http")), false)
        .await
        .unwrap();
    managers.push(start(&network, 4, &[0, 1, 2, 3, 4], &mut rafts).await);
    raft.add_learner(4, BasicNode::new(name(4)), true).await.unwrap();
    for manager in &managers {
        lists(manager, &[0, 1, 2, 3, 4]).await;
    }
    rafts.shut_down().await;
}
