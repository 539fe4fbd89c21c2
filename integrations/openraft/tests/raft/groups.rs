//! Several groups over the same links.

use grid::testing::TestGrid;

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
