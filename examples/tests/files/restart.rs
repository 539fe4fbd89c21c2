//! Nodes that are shut down or killed, and restarted.

use std::{ffi::OsStr, fs, path::Path, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    time::{Instant, sleep, timeout},
};

use crate::nodes::{LIMIT, Node, files, output, run};

/// A restarted node is dialed again after 1 to 2 s. The rest is for a busy machine.
const BACK_MAX: Duration = Duration::from_secs(10);

/// Number of matching lines in a file. Many more than all buffers on the way hold, so that the sender has to wait for
/// the reader.
const HITS: usize = 100_000;

fn haystack(dir: &Path) {
    let line = format!("a line with a needle in it{:80}\n", ".");
    fs::write(dir.join("haystack"), line.repeat(HITS)).unwrap();
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}

#[tokio::test]
async fn a_killed_node_ends_its_streams_and_is_reachable_again_after_a_restart() {
    let [far, empty] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    haystack(far.path());
    let [mut asked, mut killed, mut third] =
        Node::cluster([empty.path(), far.path(), empty.path()]).await;

    let mut search = files(["search", "--via", &asked.name, "needle"]).spawn().unwrap();
    let mut lines = BufReader::new(search.stdout.take().unwrap());
    let mut line = String::new();
    timeout(LIMIT, lines.read_line(&mut line)).await.unwrap().unwrap();
    assert!(line.starts_with("haystack:1:a line with a needle in it"), "{line}");
    killed.kill().await;
    let start = Instant::now();
    let mut rest = String::new();
    timeout(LIMIT, lines.read_to_string(&mut rest)).await.unwrap().unwrap();
    let ended = timeout(LIMIT, search.wait_with_output()).await.unwrap().unwrap();
    let took = start.elapsed();
    println!("the stream ended {took:?} after the kill");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(ended.status.code(), Some(1));
    assert!(count(rest.as_bytes()) < HITS - 1, "the stream was cut off");
    let says = String::from_utf8(ended.stderr).unwrap();
    let expected = format!("files: haystack: the rest is missing: {}: disconnected: ", killed.name);
    assert!(says.starts_with(&expected) && says.lines().count() == 1, "{says}");

    // Meanwhile the remaining nodes answer, with a note about the missing one.
    let partly = run(&["ls", "--via", &third.name]).await;
    let says = String::from_utf8(partly.stderr).unwrap();
    assert!(partly.status.code() == Some(1) && says.contains(&killed.name), "{says}");

    let name = killed.name.clone();
    let hosts = [&asked, &killed, &third].map(|node| node.name.clone());
    let _restarted = Node::start(&name, &hosts, far.path()).await;
    for via in [&asked.name, &third.name] {
        let there_again = async {
            while !run(&["ls", "--via", via]).await.status.success() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(BACK_MAX, there_again).await.expect("the node is reachable again");
        let all = output(&["search", "--via", via, "needle"]).await;
        assert_eq!(count(&all), HITS);
    }
    assert!(asked.is_running() && third.is_running(), "no other node was restarted");
}

#[tokio::test]
async fn a_killed_node_fails_the_call_that_was_made_to_it() {
    let dir = tempfile::tempdir().unwrap();
    haystack(dir.path());
    let [mut asked] = Node::cluster([dir.path()]).await;
    let mut search = files(["search", "--via", &asked.name, "needle"]).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(search.stdout.take().unwrap());
    timeout(LIMIT, lines.read_line(&mut line)).await.unwrap().unwrap();
    asked.kill().await;
    timeout(LIMIT, lines.read_to_string(&mut line)).await.unwrap().unwrap();
    let ended = timeout(LIMIT, search.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let says = String::from_utf8(ended.stderr).unwrap();
    assert!(says.starts_with(&format!("error: disconnected from {}: ", asked.name)), "{says}");
}

#[tokio::test]
async fn signals_end_a_node_even_while_a_client_reads_slowly() {
    let dir = tempfile::tempdir().unwrap();
    haystack(dir.path());
    for signal in ["-TERM", "-INT"] {
        let [first, second] = Node::cluster([dir.path(), dir.path()]).await;
        let name = first.name.clone();
        first.end(signal).await;
        second.says(&format!("{name}: not connected")).await;
        let mut search = files(["search", "--via", &second.name, "needle"]).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(search.stdout.take().unwrap());
        timeout(LIMIT, lines.read_line(&mut line)).await.unwrap().unwrap();
        second.end(signal).await;
    }
}

/// Buffering the results would exceed this: a single search sends about 12 MB, and there are three of them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reader_that_stops_costs_no_memory_and_no_other_reader() {
    const GROWTH_KIB_MAX: u64 = 4 << 10;
    let [dir, empty] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    haystack(dir.path());
    let [near, far] = Node::cluster([empty.path(), dir.path()]).await;
    // A small search first, because loaded code counts as memory too.
    fs::write(dir.path().join("small"), "needle\n".repeat(1000)).unwrap();
    output(&["search", "--via", &near.name, "needle", "small"]).await;
    let args = ["search", "--via", &near.name, "needle", "haystack"];
    let before = [&near, &far].map(Node::memory_peak);
    let mut stopped = files(args).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(stopped.stdout.take().unwrap());
    timeout(LIMIT, lines.read_line(&mut line)).await.unwrap().unwrap();
    for _ in 0..2 {
        let all = output(&args).await;
        assert_eq!(count(&all), HITS);
    }
    for (node, before) in [&near, &far].into_iter().zip(before) {
        let after = node.memory_peak();
        println!("{}: {before} KiB, then {after} KiB", node.name);
        assert!(after < before + GROWTH_KIB_MAX, "{before} KiB, then {after} KiB");
    }
    timeout(LIMIT, lines.read_to_string(&mut line)).await.unwrap().unwrap();
    assert_eq!(count(line.as_bytes()), HITS, "the slow reader has received everything");
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_work() {
    let dir = tempfile::tempdir().unwrap();
    haystack(dir.path());
    let [near, far] = Node::cluster([dir.path(), dir.path()]).await;
    let mut search =
        files(["search", "--via", &near.name, "--node", &far.name, "needle"]).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(search.stdout.take().unwrap());
    timeout(LIMIT, lines.read_line(&mut line)).await.unwrap().unwrap();
    drop(lines);
    let ended = timeout(LIMIT, search.wait_with_output()).await.unwrap().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "as with `| head`: {ended:?}");

    let mut demo = files([OsStr::new("demo"), dir.path().as_os_str()]).spawn().unwrap();
    drop(demo.stdout.take());
    let ended = timeout(LIMIT, demo.wait_with_output()).await.unwrap().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "as with `| head`: {ended:?}");
}
