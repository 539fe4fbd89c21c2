//! Real processes: leaders that are killed, restarts one by one, and members that come and go, under load.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::load::{Load, lost};
use super::processes::Processes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kv");

/// The longest that a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients that write without a pause.
const WRITERS: usize = 8;

/// Three nodes that are ready.
async fn three(folder: &Path) -> Processes {
    let nodes = Processes::start(Path::new(PROGRAM), folder, 3).unwrap();
    for at in 0..3 {
        nodes.ready(at, PATIENCE).await.unwrap();
    }
    nodes
}

/// Waits until this many more writes are acknowledged.
async fn more(load: &Load, writes: usize) {
    let (began, before) = (Instant::now(), load.tally().acknowledged.len());
    loop {
        let acknowledged = load.tally().acknowledged.len() - before;
        if acknowledged >= writes {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "only {acknowledged} of {writes} writes");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Ends the load, and checks that no write has failed and none is lost.
async fn check(nodes: &Processes, load: Load) -> u64 {
    let tally = load.stop().await;
    assert_eq!(tally.failed, Vec::<String>::new());
    let lost = lost(&nodes.client(), &tally).await.unwrap();
    assert_eq!(lost, Vec::<String>::new(), "of {} writes", tally.acknowledged.len());
    println!("{} writes, {} with an unknown outcome", tally.acknowledged.len(), tally.unknown);
    tally.unknown
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_when_leaders_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = three(folder.path()).await;
    let client = nodes.client();
    let load = Load::start(&client, WRITERS);
    for _ in 0..2 {
        more(&load, 200).await;
        let leader = nodes.leader(&client, PATIENCE).await.unwrap();
        load.mark();
        nodes.kill(leader).await.unwrap();
        more(&load, 100).await;
        println!("no write was acknowledged for {:?}", load.longest());
        nodes.restart(leader).unwrap();
        nodes.ready(leader, PATIENCE).await.unwrap();
    }
    // All at once, in the middle of writes.
    for at in 0..3 {
        nodes.kill(at).await.unwrap();
    }
    for at in 0..3 {
        nodes.restart(at).unwrap();
    }
    more(&load, 100).await;
    check(&nodes, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_when_nodes_are_restarted_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = three(folder.path()).await;
    let load = Load::start(&nodes.client(), WRITERS);
    more(&load, 100).await;
    load.mark();
    for at in 0..3 {
        let status = nodes.terminate(at).await.unwrap();
        assert!(status.success(), "{status}");
        nodes.restart(at).unwrap();
        nodes.ready(at, PATIENCE).await.unwrap();
        more(&load, 100).await;
    }
    println!("no write was acknowledged for {:?}", load.longest());
    // Less than an election: the leader passes the leadership on.
    assert!(load.longest() < Duration::from_secs(1), "{:?}", load.longest());
    assert_eq!(check(&nodes, load).await, 0, "outcomes that are not known");
}

/// Runs `kv members` as an operator does.
async fn members(nodes: &Processes, args: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    command.arg("members").args(args).args(["--nodes", &nodes.names().join(",")]);
    command.env("KV_OPERATORS_SECRET", Processes::OPERATORS);
    let output = command.kill_on_drop(true).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_when_three_members_become_five_and_three_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = three(folder.path()).await;
    let client = nodes.client();
    let load = Load::start(&client, WRITERS);
    more(&load, 100).await;
    for id in ["4", "5"] {
        let at = nodes.join().unwrap();
        let name = nodes.name(at).to_owned();
        let added = members(&nodes, &["add", id, &name]).await;
        assert_eq!(added, format!("{name} is member {id}\n"));
        nodes.ready(at, PATIENCE).await.unwrap();
        more(&load, 100).await;
    }
    let status = client.status(nodes.name(4)).await.unwrap();
    assert_eq!(status.members.iter().filter(|member| member.is_voter).count(), 5);
    // The leader, and another one.
    let leader = nodes.leader(&client, PATIENCE).await.unwrap();
    for at in [leader, (leader + 1) % 5] {
        let id = (at + 1).to_string();
        assert_eq!(
            members(&nodes, &["remove", &id]).await,
            format!("{id} is no member any more\n")
        );
        assert!(nodes.terminate(at).await.unwrap().success());
        more(&load, 100).await;
    }
    let leader = nodes.leader(&client, PATIENCE).await.unwrap();
    let status = client.status(nodes.name(leader)).await.unwrap();
    assert_eq!(status.members.len(), 3);
    assert_eq!(check(&nodes, load).await, 0, "outcomes that are not known");
}
