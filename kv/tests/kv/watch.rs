//! Watches: in order, without gaps, and resumed by revision.

use std::time::Duration;

use grid_kv::client::{ClientError, Watch};
use grid_kv::model::{Event, Op};
use grid_kv::service::{KvError, put};
use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, PATIENCE};

async fn next(watch: &mut Watch) -> Event {
    timeout(PATIENCE, watch.next()).await.expect("a change").unwrap()
}

fn text(event: &Event) -> String {
    let value = event.value.as_ref().map_or("-", |value| std::str::from_utf8(value).unwrap());
    format!("{} {} {value}", event.revision, event.key)
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_resumed_by_revision() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let mut from_now = client.watch("b/", None).await.unwrap();
    client.put("a", "1").await.unwrap();
    client.put("b/1", "2").await.unwrap();
    let batch = vec![put("b/2", "3"), put("c", "3"), Op::Delete { key: "b/1".into() }];
    client.batch(batch).await.unwrap();
    client.put("b/1", "4").await.unwrap();

    let expected = ["2 b/1 2", "3 b/2 3", "3 b/1 -", "4 b/1 4"];
    for expected in expected {
        assert_eq!(text(&next(&mut from_now).await), expected);
    }
    let mut watch = client.watch("b/", Some(0)).await.unwrap();
    for expected in &expected[..2] {
        assert_eq!(text(&next(&mut watch).await), *expected);
    }
    // In the middle of a batch: it comes again, as a whole.
    assert_eq!(watch.resume_after(), 2);
    let mut resumed = client.watch("b/", Some(watch.resume_after())).await.unwrap();
    for expected in &expected[1..] {
        assert_eq!(text(&next(&mut resumed).await), *expected);
    }
    // When nothing happens to its keys, it can be resumed after what has happened to others.
    for number in 0..20 {
        client.put("a", number.to_string()).await.unwrap();
    }
    let waiting = timeout(Duration::from_secs(3), resumed.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    assert_eq!(resumed.resume_after(), 24);
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_at_the_next_leader() {
    let mut cluster = Cluster::start(3).await;
    let client = cluster.client();
    let mut watch = client.watch("key", Some(0)).await.unwrap();
    let writer = client.clone();
    let writing = tokio::spawn(async move {
        for number in 0..60 {
            let batch = vec![put(format!("key {number}"), "a"), put(format!("key {number}"), "b")];
            writer.batch(batch).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    });
    for number in 0..120_u64 {
        // In the middle of a batch.
        if number == 31 || number == 81 {
            let leader = cluster.leader().await;
            cluster.crash(leader).await;
            cluster.leader_but(Some(leader)).await;
            cluster.restart(leader).await;
        }
        let event = next(&mut watch).await;
        let value = if number % 2 == 0 { "a" } else { "b" };
        let (revision, key) = (number / 2 + 1, number / 2);
        assert_eq!(text(&event), format!("{revision} key {key} {value}"));
    }
    writing.await.unwrap();
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_not_kept_any_more_are_a_clear_error() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client().with_timeout(PATIENCE);
    // The first one is forgotten when 64 MiB have followed.
    for number in 0..17 {
        let value = vec![number; (1 << 20) - 16];
        client.batch(["a", "b", "c", "d"].map(|key| put(key, value.clone())).into()).await.unwrap();
    }
    let mut watch = client.watch("", Some(0)).await.unwrap();
    let error = watch.next().await.unwrap_err();
    let ClientError::Refused(KvError::Compacted { upto }) = error else { panic!("{error}") };
    let text = format!(
        "the changes up to revision {upto} are not kept any more: scan, and watch from the latest revision on"
    );
    assert_eq!(error.to_string(), text);
    assert!((1..5).contains(&upto), "{upto}");
    let mut watch = client.watch("", Some(upto)).await.unwrap();
    assert_eq!(next(&mut watch).await.revision, upto + 1);
    let mut watch = client.watch("", Some(u64::MAX)).await.unwrap();
    let error = watch.next().await.unwrap_err();
    let text = format!("revision {} is not written yet, the latest one is 17", u64::MAX);
    assert!(error.to_string().starts_with(&text), "{error}");
    cluster.end().await;
}
