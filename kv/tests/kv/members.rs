//! Members come and go while clients write.

use std::time::Duration;

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
        let again = operator.change_member(at as u64 + 1, None).await.unwrap_err();
        assert!(again.to_string().contains("it was removed before, or never was"), "{again}");
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
    let cases = [
        (4, cluster.name(0), "http://node1:9000 is member 1 already"),
        (1, "http://node4:9000".to_owned(), "id 1 is http://node1:9000 already"),
    ];
    for (id, name, text) in cases {
        let refused = operator.change_member(id, Some(name)).await.unwrap_err();
        let ClientError::Refused(KvError::Members { reason }) = refused else {
            panic!("{refused}")
        };
        assert!(reason.contains(text), "{reason}");
    }
    cluster.end().await;
}

/// It would be in the log of all nodes for good.
#[tokio::test(start_paused = true)]
async fn a_name_that_no_node_can_have_is_refused() {
    let mut cluster = Cluster::start(3).await;
    let operator = cluster.operator();
    for name in ["node6", "http://NODE1:9000", "https://node6:9000"] {
        let refused = operator.change_member(6, Some(name.into())).await.unwrap_err();
        let ClientError::Refused(KvError::Invalid { reason }) = refused else {
            panic!("{name}: {refused}")
        };
        assert!(reason.contains(name) && reason.contains("http://"), "{reason}");
    }
    let refused = operator.change_member(9, None).await.unwrap_err();
    let reason = "no member has the id 9: it was removed before, or never was one";
    assert_eq!(refused, ClientError::Refused(KvError::Invalid { reason: reason.into() }));
    // The members are as they were.
    let at = cluster.join().await;
    operator.change_member(4, Some(cluster.name(at))).await.unwrap();
    let status = operator.status(&cluster.name(0)).await.unwrap();
    assert_eq!(status.members.len(), 4);
    cluster.end().await;
}

/// The leader waits for it for longer than the client does.
#[tokio::test(start_paused = true)]
async fn a_change_that_takes_too_long_names_who_has_not_answered() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.name(cluster.leader().await);
    let operator = cluster.operator().with_timeout(Duration::from_secs(20));
    let late = operator.change_member(4, Some("http://node4:9000".into())).await.unwrap_err();
    let text = late.to_string();
    let begin = "not done within 20s, and may have been done: ";
    assert!(text.starts_with(&format!("{begin}{leader} has not answered within ")), "{text}");
    cluster.end().await;
}
