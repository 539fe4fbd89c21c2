//! Several groups over the same links.

use std::time::Duration;

use grid::testing::TestGrid;
use grid::{Guest, Guests};

use super::cluster::{Rafts, config, group};

#[tokio::test(start_paused = true)]
async fn two_groups_share_the_links() {
    let [one, two] =
        ["shard/1", "shard/2"].map(|path| (0..3).map(|_| group(path)).collect::<Vec<_>>());
    let served = (one.clone(), two.clone());
    let configure = move |node: usize, builder: grid::Builder| {
        builder.service(served.0[node].clone()).service(served.1[node].clone())
    };
    let grid = TestGrid::builder(3).configure(configure).start();
    grid.all_connected().await;
    let one = Rafts::start(&grid, one, config()).await;
    let two = Rafts::start(&grid, two, config()).await;
    let leaders = (one.elect(&grid).await, two.elect(&grid).await);
    for number in 0..20 {
        one.write(leaders.0, format!("one {number}")).await;
        two.write(leaders.1, format!("two {number}")).await;
    }
    let (ones, twos) = (one.applied(&[0, 1, 2], 20).await, two.applied(&[0, 1, 2], 20).await);
    assert!(ones.iter().all(|text| text.starts_with("one")) && ones.len() == 20);
    assert!(twos.iter().all(|text| text.starts_with("two")) && twos.len() == 20);

    // One group ends, and the other one does not notice.
    one.shut_down().await;
    two.write(leaders.1, "after").await;
    two.applied(&[0, 1, 2], 21).await;
    assert_eq!(grid.network().connections(grid.name(0), grid.name(1)), 1);
    two.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_not_a_member() {
    let own = group("");
    let served = own.clone();
    let grid = TestGrid::builder(1)
        .configure(move |_, builder| builder.guests(Guests::up_to(1)).service(served.clone()))
        .start();
    let rafts = Rafts::start(&grid, vec![own], config()).await;
    let node = grid.node(0);
    let mut methods = node.services().iter().flat_map(|service| service.descriptor.methods());
    let vote = methods.find(|method| method.name() == "vote").unwrap().id();

    let dialer = grid.network().dialer("guest");
    let guest = Guest::builder(grid.name(0)).configure(|builder| builder.dial_with(dialer));
    let guest = guest.connect().await.unwrap();
    let call = guest.connection().request(vote, None).timeout(Duration::from_secs(1));
    let error = call.await.unwrap_err();
    assert!(error.to_string().contains("guests are not members"), "{error}");
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_has_its_raft_from_start_to_stop() {
    let own = group("");
    // As a service of the application has it, which is built before the raft.
    let of_service = own.clone();
    let served = own.clone();
    let grid =
        TestGrid::builder(1).configure(move |_, builder| builder.service(served.clone())).start();
    assert!(of_service.raft().is_none());
    let rafts = Rafts::start(&grid, vec![own.clone()], config()).await;
    rafts.elect(&grid).await;
    of_service.raft().expect("it is started").client_write("text".to_owned()).await.unwrap();
    assert_eq!(rafts.applied(&[0], 1).await, ["text"]);
    own.stop();
    assert!(of_service.raft().is_none());
    rafts.shut_down().await;
}

#[tokio::test]
async fn a_path_has_one_group() {
    let builder = || grid::Manager::builder("http://node0:9000").token(grid::NoAuth);
    for path in ["", "shard/1"] {
        let twice = builder().service(group(path)).service(group(path)).build();
        let error = twice.unwrap_err().to_string();
        assert!(error.contains("Raft/") && error.contains(path), "{error}");
    }
    builder().service(group("")).service(group("shard/1")).service(group("shard")).build().unwrap();
}
