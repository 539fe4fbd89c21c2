//! Host lists from files and other sources.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use grid::{Manager, MemberEvent, MemberFile, MemberSource, NextMembers};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::support::{A, B};

const C: &str = "http://c:1";
const SECOND: Duration = Duration::from_secs(1);

/// A file that is deleted at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("grid-{}-{name}", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The file is read on another thread, which virtual time would not wait for.
#[tokio::test]
async fn a_file_yields_its_names_or_what_is_wrong_whenever_it_has_changed() {
    let file = Temporary::new("hosts");
    let mut source = MemberFile::new(&file.0).every(Duration::from_millis(10));
    let missing = source.next().await.unwrap_err();
    assert!(missing.to_string().contains("No such file"), "{missing}");
    fs::write(&file.0, format!("# nodes\n{A}\n{B} # the second\n")).unwrap();
    assert_eq!(source.next().await.unwrap(), [A, B]);
    for (bad, what) in
        [("# nothing\n".to_owned(), "no name"), ("#".repeat(2 << 20), "longer than 1048576 bytes")]
    {
        fs::write(&file.0, bad).unwrap();
        let bad = source.next().await.unwrap_err();
        assert!(bad.to_string().contains(what), "{bad}");
    }
    fs::remove_file(&file.0).unwrap();
    source.next().await.unwrap_err();
    fs::write(&file.0, C).unwrap();
    assert_eq!(source.next().await.unwrap(), [C]);
}

/// To open a pipe waits until somebody writes to it.
#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_no_file() {
    let pipe = Temporary::new("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let error = MemberFile::new(&pipe.0).next().await.unwrap_err();
    assert!(error.to_string().contains("not a file"), "{error}");
}

#[tokio::test]
async fn the_list_of_a_node_follows_a_file() {
    let file = Temporary::new("followed");
    let manager = Manager::builder(A).token(grid::NoAuth).build().unwrap();
    let mut events = manager.members().events();
    let mut changed = async |wanted: &str, members: [&str; 2]| {
        while let Some(event) = events.next().await {
            if matches!(event, MemberEvent::Added { host, .. } if &*host == wanted) {
                break;
            }
        }
        assert_eq!(manager.members().list(), members);
    };
    fs::write(&file.0, format!("{A}\n{B}\n")).unwrap();
    manager.members().follow(MemberFile::new(&file.0).every(Duration::from_millis(10)));
    changed(B, [A, B]).await;
    // This node's own name is always on the list.
    fs::write(&file.0, format!("{C}\n")).unwrap();
    changed(C, [A, C]).await;
}

/// Yields what the test sends.
struct Scripted(mpsc::UnboundedReceiver<Result<Vec<String>, &'static str>>);

impl MemberSource for Scripted {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some(Ok(hosts)) => Ok(hosts),
                Some(Err("panic")) => panic!("a bug of the source"),
                Some(Err(error)) => Err(error.into()),
                None => std::future::pending().await,
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_or_panics_is_asked_again_until_another_one_is_followed() {
    let manager = Manager::builder(A).token(grid::NoAuth).build().unwrap();
    let members = manager.members();
    let (send, receive) = mpsc::unbounded_channel();
    members.follow(Scripted(receive));
    for failure in ["no answer", "panic"] {
        send.send(Err(failure)).unwrap();
    }
    send.send(Ok(vec![B.to_owned()])).unwrap();
    sleep(5 * SECOND).await;
    assert_eq!(members.list(), [A, B]);
    for invalid in [vec!["node4:9000"], vec![C, C]] {
        send.send(Ok(invalid.into_iter().map(str::to_owned).collect())).unwrap();
        sleep(5 * SECOND).await;
        assert_eq!(members.list(), [A, B]);
    }
    members.follow(vec![C]);
    sleep(SECOND).await;
    assert_eq!(members.list(), [A, C]);
    assert!(send.send(Ok(vec![B.to_owned()])).is_err(), "the first source is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_dropped_with_its_node() {
    let (send, receive) = mpsc::unbounded_channel();
    let manager =
        Manager::builder(A).token(grid::NoAuth).members_from(Scripted(receive)).build().unwrap();
    sleep(SECOND).await;
    drop(manager);
    sleep(SECOND).await;
    assert!(send.is_closed());
}
