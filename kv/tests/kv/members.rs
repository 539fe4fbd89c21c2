//! Members come and go while clients write.

use grid_kv::client::ClientError;
use grid_kv::service::KvError;
use tokio::sync::watch;

use super::cluster::Cluster;

#[tokio::test(start_paused = true)]
async fn three_members_become_five_and_three_again() {
    let mut cluster = Cluster::start(3).await;
    let (client, operator) = (cluster.client(), cluster.operator());
    let (stop, stopped) = watch::channel(false);
    let writer = client.clone();
    let writing = tokio::spawn(async move {
        let mut count = 0_u64;
        while !*stopped.borrow() {
            writer.put(format!("key {count}"), "1").await.unwrap();
            count += 1;
        }
        count
    });
    for id in [4, 5] {
        let at = cluster.join().await;
        operator.change_member(id, Some(cluster.name(at))).await.unwrap();
        // Again, as an operator does who has not seen the answer.
        operator.change_member(id, Some(cluster.name(at))).await.unwrap();
    }
    let all = |metrics: &openraft::RaftMetrics<_>| {
        metrics.membership_config.membership().voter_ids().count() == 5
    };
    cluster.wait(4, all).await;
    let status = operator.status(&cluster.name(4)).await.unwrap();
    assert_eq!(status.members.iter().filter(|member| member.is_voter).count(), 5);
    // The leader, and another one.
    let leader = cluster.leader().await;
    for at in [leader, (leader + 1) % 3] {
        operator.change_member(at as u64 + 1, None).await.unwrap();
        operator.change_member(at as u64 + 1, None).await.unwrap();
        cluster.crash(at).await;
    }
    let leader = cluster.leader().await;
    let status = operator.status(&cluster.name(leader)).await.unwrap();
    assert_eq!(status.members.len(), 3);
    stop.send_replace(true);
    let count = writing.await.unwrap();
    assert!(count > 20, "only {count} writes");
    let mut scan = client.scan(Default::default());
    let mut found = 0;
    while scan.next().await.unwrap().is_some() {
        found += 1;
    }
    assert_eq!(found, count);
    // With two of the three it goes on.
    let other = (0..5).find(|at| {
        *at != leader && status.members.iter().any(|member| member.name == cluster.name(*at))
    });
    cluster.crash(other.unwrap()).await;
    client.put("last", "1").await.unwrap();
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_name_or_the_id_of_another_member_is_refused() {
    let cluster = Cluster::start(3).await;
    let operator = cluster.operator();
    for (id, name) in [(4, cluster.name(0)), (1, cluster.name(1))] {
        let refused = operator.change_member(id, Some(name)).await.unwrap_err();
        let ClientError::Refused(KvError::Members { reason }) = refused else {
            panic!("{refused}")
        };
        assert!(reason.contains("is another member already"), "{reason}");
    }
    cluster.end().await;
}
