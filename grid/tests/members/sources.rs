//! Host lists from files and other sources.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use grid::{Manager, MemberFile, MemberSource, NextMembers};
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

#[tokio::test(start_paused = true)]
async fn a_list_follows_its_file_and_keeps_what_it_has_while_the_file_is_bad() {
    let file = Temporary::new("hosts");
    fs::write(&file.0, format!("# nodes\n{A}\n{B} # the second\n")).unwrap();
    let source = MemberFile::new(&file.0);
    let manager = Manager::builder(A).token(grid::NoAuth).members_from(source).build().unwrap();
    let members = manager.members();
    let listed = async || {
        sleep(5 * SECOND).await;
        members.list()
    };
    assert_eq!(listed().await, [A, B]);
    // This node's own name is always on the list.
    fs::write(&file.0, format!("{C}\n")).unwrap();
    assert_eq!(listed().await, [A, C]);
    for bad in ["", "# nothing\n", "node4:9000\n", "http://d:1\nhttp://d:1\n"] {
        fs::write(&file.0, bad).unwrap();
        assert_eq!(listed().await, [A, C], "{bad:?}");
    }
    fs::write(&file.0, vec![b'#'; 2 << 20]).unwrap();
    assert_eq!(listed().await, [A, C]);
    fs::remove_file(&file.0).unwrap();
    assert_eq!(listed().await, [A, C]);
    fs::write(&file.0, format!("{A}\n{B}")).unwrap();
    assert_eq!(listed().await, [A, B]);
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
