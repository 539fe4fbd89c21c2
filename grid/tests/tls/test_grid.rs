//! The nodes of `grid::testing` with TLS.

use grid::CertificateName;
use grid::testing::{TestGrid, TestGridBuilder};

use crate::network::World;

/// Nodes with mutual TLS that identify each other by their certificates.
fn secured(world: World) -> TestGridBuilder {
    TestGrid::named(["https://a:1", "https://b:1"]).configure(move |node, builder| {
        let tls = world.mutual(["a", "b"][node]);
        builder.tls(tls).token(CertificateName::new()).single_handler(1, None, |cx, _| async move {
            Ok(Some(cx.identity().name().unwrap_or("nobody").to_owned().into()))
        })
    })
}

async fn both_are_proven(grid: &TestGrid) {
    grid.all_connected().await;
    for (from, to) in [(0, 1), (1, 0)] {
        let name = grid.connection(from, to).request(1, None).await.unwrap().unwrap();
        assert_eq!(name, grid.name(from));
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_in_memory_connect_with_tls_and_again_after_a_cut() {
    let grid = secured(World::new("test_grid_memory")).start();
    both_are_proven(&grid).await;
    grid.cut(0, 1);
    grid.disconnected(0, 1).await;
    grid.heal(0, 1);
    both_are_proven(&grid).await;
}

#[tokio::test]
async fn nodes_on_sockets_connect_with_tls() {
    let grid = secured(World::new("test_grid_sockets")).on_loopback().start();
    both_are_proven(&grid).await;
    grid.kill(1);
    grid.restart(1).await;
    both_are_proven(&grid).await;
}
