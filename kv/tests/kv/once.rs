//! A write is applied once, however often it is sent, and completely or not at all.

use futures_util::future::join_all;
use grid_kv::client::ClientError;
use grid_kv::model::{Command, Expect, Op, Outcome, Write};
use grid_kv::service::{Consistency, KvClient, KvError, put};

use super::cluster::{Cluster, PATIENCE};

/// How many sessions a node keeps.
const SESSIONS_MAX: usize = 10_000;

fn write(session: u64, sequence: u64, ops: Vec<Op>) -> Write {
    Write { session, sequence, ops }
}

async fn open(cluster: &Cluster) -> u64 {
    match cluster.apply(Command::Open).await {
        Outcome::Opened { session } => session,
        other => panic!("{other}"),
    }
}

/// Sends a write to the leader as a client that knows it.
async fn send(cluster: &Cluster, write: &Write) -> Result<Outcome, grid::CallError<KvError>> {
    let (_guest, connection) = cluster.connect(cluster.leader().await).await;
    KvClient::new(connection).write(write.clone()).await
}

#[tokio::test(start_paused = true)]
async fn a_repeated_write_is_applied_once() {
    let mut cluster = Cluster::start(3).await;
    let session = open(&cluster).await;
    let first = write(session, 1, vec![put("a", "first")]);
    let outcome = send(&cluster, &first).await.unwrap();
    assert_eq!(outcome, Outcome::Applied { revision: 1, changed: 1 });
    // What a repetition must not undo.
    let client = cluster.client();
    client.put("a", "of another client").await.unwrap();

    // At the same leader, at the next one, and after all nodes were restarted.
    assert_eq!(send(&cluster, &first).await.unwrap(), outcome);
    let old = cluster.leader().await;
    cluster.crash(old).await;
    assert_ne!(cluster.leader_but(Some(old)).await, old);
    assert_eq!(send(&cluster, &first).await.unwrap(), outcome);
    cluster.restart(old).await;
    for node in 0..3 {
        cluster.crash(node).await;
    }
    for node in 0..3 {
        cluster.restart(node).await;
    }
    assert_eq!(send(&cluster, &first).await.unwrap(), outcome);
    let item = client.get("a", Consistency::Linearizable).await.unwrap().unwrap();
    assert_eq!((&item.value[..], item.modified), (&b"of another client"[..], 2));

    // The next one is applied, and then the first one is outdated.
    let next = send(&cluster, &write(session, 2, vec![put("a", "second")])).await.unwrap();
    assert_eq!(next, Outcome::Applied { revision: 3, changed: 1 });
    assert_eq!(send(&cluster, &first).await.unwrap(), Outcome::Outdated);
    cluster.end().await;
}

/// The conflict of a repeated write has the value of then, or that of now if it was too long to keep.
#[tokio::test(start_paused = true)]
async fn a_repeated_write_is_told_its_conflict() {
    let cluster = Cluster::start(1).await;
    let (client, session) = (cluster.client(), open(&cluster).await);
    let swap = |sequence| {
        let key = "a".to_owned();
        let check = Op::Check { key, expect: Expect::Value("expected".into()) };
        write(session, sequence, vec![check, put("a", "new")])
    };
    let found = |outcome: Outcome| match outcome {
        Outcome::Conflict { found, .. } => found.unwrap().value,
        other => panic!("{other}"),
    };
    for (sequence, length) in [(1, 4096), (2, 4097)] {
        let text = "x".repeat(length);
        client.put("a", text.clone()).await.unwrap();
        assert_eq!(found(send(&cluster, &swap(sequence)).await.unwrap()), text);
        client.put("a", "later").await.unwrap();
        let then = if length > 4096 { "later" } else { &text };
        assert_eq!(found(send(&cluster, &swap(sequence)).await.unwrap()), then);
        // It is not done now, also if it could be.
        client.put("a", "expected").await.unwrap();
        let again = send(&cluster, &swap(sequence)).await.unwrap();
        assert_eq!(found(again), if length > 4096 { "expected" } else { &text });
        let now = client.get("a", Consistency::Linearizable).await.unwrap().unwrap();
        assert_eq!(now.value, "expected");
    }
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_got_a_snapshot_knows_what_was_applied() {
    let mut cluster = Cluster::start(3).await;
    let session = open(&cluster).await;
    let first = write(session, 1, vec![put("a", "first")]);
    let outcome = send(&cluster, &first).await.unwrap();
    cluster.client().put("b", "1").await.unwrap();

    let leader = cluster.leader().await;
    cluster.purge(leader).await;

    let new = cluster.join().await;
    let name = cluster.name(new);
    cluster.operator().change_member(new as u64 + 1, Some(name)).await.unwrap();
    let installed = |metrics: &openraft::RaftMetrics<_>| metrics.snapshot.is_some();
    cluster.wait(new, installed).await;
    cluster.make_leader(new).await;
    assert_eq!(send(&cluster, &first).await.unwrap(), outcome);
    let known = cluster.client();
    let known = known.get("b", Consistency::Linearizable).await.unwrap().unwrap();
    assert_eq!((&known.value[..], known.modified), (&b"1"[..], 2));

    // It has the snapshot also after a restart.
    cluster.crash(new).await;
    cluster.restart(new).await;
    cluster.wait(new, installed).await;
    cluster.make_leader(new).await;
    assert_eq!(send(&cluster, &first).await.unwrap(), outcome);
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_session_that_was_not_used_for_longest_expires() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client().with_timeout(PATIENCE);
    client.put("a", "1").await.unwrap();
    let (old, used) = (open(&cluster).await, open(&cluster).await);
    let open_many = |count| join_all((0..count).map(|_| cluster.apply(Command::Open)));
    open_many(SESSIONS_MAX - 3).await;
    let of_used = write(used, 1, vec![put("b", "1")]);
    let outcome = send(&cluster, &of_used).await.unwrap();
    // The client's and the old one must make room.
    open_many(2).await;
    let of_old = write(old, 1, vec![put("c", "1")]);
    assert_eq!(send(&cluster, &of_old).await.unwrap(), Outcome::Expired);
    assert_eq!(send(&cluster, &of_used).await.unwrap(), outcome);
    assert_eq!(client.get("c", Consistency::Linearizable).await.unwrap(), None);
    // A client whose session has expired opens another one. Its write was not sent before, so it can say what became of it.
    let written = client.put("d", "1").await.unwrap();
    assert_eq!((written.revision, written.changed), (3, 1));
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn compare_and_swap() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let swap = |expect, value: Option<&'static str>| {
        client.compare_and_swap("a", expect, value.map(|value| value.as_bytes().into()))
    };
    let conflict = |error| match error {
        ClientError::Conflict { key, found } => {
            assert_eq!(key, "a");
            found.map(|item| (item.modified, item.value))
        }
        other => panic!("{other}"),
    };
    assert_eq!(conflict(swap(Expect::Value("1".into()), Some("2")).await.unwrap_err()), None);
    assert_eq!(swap(Expect::Absent, Some("1")).await.unwrap().revision, 1);
    let found = conflict(swap(Expect::Absent, Some("2")).await.unwrap_err());
    assert_eq!(found, Some((1, "1".into())));
    assert_eq!(swap(Expect::Value("1".into()), Some("2")).await.unwrap().revision, 2);
    let found = conflict(swap(Expect::Revision(1), Some("3")).await.unwrap_err());
    assert_eq!(found, Some((2, "2".into())));
    assert_eq!(swap(Expect::Revision(2), None).await.unwrap().changed, 1);
    assert_eq!(client.get("a", Consistency::Linearizable).await.unwrap(), None);
    // A key that was deleted has no revision.
    assert_eq!(conflict(swap(Expect::Revision(2), Some("3")).await.unwrap_err()), None);
    assert_eq!(client.delete("a").await.unwrap().changed, 0);
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_applied_completely_or_not_at_all() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let check = |key: &str, expect| Op::Check { key: key.to_owned(), expect };
    client.put("b", "old").await.unwrap();
    // Checks see the state before the batch, wherever they are.
    let batch = vec![put("a", "1"), Op::Delete { key: "b".into() }, check("a", Expect::Absent)];
    let written = client.batch(batch).await.unwrap();
    assert_eq!((written.revision, written.changed), (2, 2));
    let failing = vec![put("c", "1"), put("a", "2"), check("b", Expect::Value("old".into()))];
    let failed = client.batch(failing).await.unwrap_err();
    assert!(
        matches!(&failed, ClientError::Conflict { key, found: None } if key == "b"),
        "{failed}"
    );
    assert_eq!(failed.to_string(), "\"b\" is not as expected: it does not exist");
    let failed = client.batch(vec![check("a", Expect::Revision(1))]).await.unwrap_err();
    assert_eq!(failed.to_string(), "\"a\" is not as expected: revision 2 wrote it");
    let mut found = Vec::new();
    let mut scan = client.scan(Default::default());
    while let Some(entry) = scan.next().await.unwrap() {
        found.push((entry.key, entry.item.value, entry.item.modified));
    }
    assert_eq!(found, [("a".to_owned(), "1".into(), 2)]);
    assert_eq!(client.revision().await.unwrap(), 2);
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_with_its_limit() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let value = vec![0; 1 << 20];
    client.put("a", value.clone()).await.unwrap();
    let many = |count| (0..count).map(|at| put(at.to_string(), "1")).collect::<Vec<_>>();
    client.batch(many(1024)).await.unwrap();
    let cases = [
        (vec![], "a batch has 1 to 1024 operations, not 0"),
        (many(1025), "a batch has 1 to 1024 operations, not 1025"),
        (vec![put("", "1")], "a key has 1 to 1024 bytes, not 0"),
        (vec![put("k".repeat(1025), "1")], "a key has 1 to 1024 bytes, not 1025"),
        (vec![put("a", vec![0; (1 << 20) + 1])], "a value has at most 1048576 bytes, not 1048577"),
        (vec![put("a", value); 4], "a batch has at most 4194304 bytes, not 4194308"),
    ];
    for (batch, text) in cases {
        let refused = client.batch(batch).await.unwrap_err();
        assert_eq!(refused, ClientError::Refused(KvError::TooLarge { reason: text.into() }));
    }
    assert_eq!(client.revision().await.unwrap(), 2);
    cluster.end().await;
}
