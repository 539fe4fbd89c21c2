//! The commands of the program: what they print, and how they end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::processes::Processes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kv");
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().args(args).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The exit code, and what was printed as output and as errors.
pub(crate) async fn run(mut command: Command) -> (i32, String, String) {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

struct Store(Processes);

impl Store {
    /// What no other attempt would help. The time of an operation is longer than the test's patience with them.
    async fn refusals(&self) {
        let name = self.0.name(0);
        let mut command = self.command(&["get", "a", "--timeout-seconds", "300"]);
        command.env("KV_CLIENTS_SECRET", "guessed");
        let (code, _, errors) = run(command).await;
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains(&format!("all nodes refuse this client: cannot reach {name}: ")));
        assert!(errors.contains("compare the secret of clients (--secret-file)"), "{errors}");

        let mut command = self.command(&["get", "a", "--timeout-seconds", "300"]);
        command.env("KV_NODES", name.replace("http://", "https://"));
        let (code, _, errors) = run(command).await;
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains("check that names begin with https:// if"), "{errors}");

        let mut command = self.command(&["get", "a", "--timeout-seconds", "1"]);
        let address = super::processes::free_address().unwrap();
        command.env("KV_NODES", format!("http://{address}"));
        let (code, _, errors) = run(command).await;
        assert_eq!((code, errors.matches(&address).count()), (3, 1), "{errors}");

        let change = async |args: &[&str], text: &str| {
            let mut command = self.command(&[&["members"][..], args].concat());
            command.env("KV_OPERATORS_SECRET", Processes::OPERATORS);
            let (code, _, errors) = run(command).await;
            assert_eq!(code, 2, "{errors}");
            assert!(errors.contains(text), "{errors}");
        };
        change(&["add", "6", "node6"], "bad node name \"node6\": it must begin with http://").await;
        change(&["remove", "9"], "no member has the id 9").await;
    }

    /// Waits until a node says that it is not ready, for this reason.
    async fn not_ready(&self, at: usize, reason: &str) {
        let mut last = None;
        let waited = timeout(PATIENCE, async {
            loop {
                // One that was just started does not listen yet.
                match self.0.http(at, "/readyz").await {
                    Ok((503, text)) if text.starts_with(reason) => return,
                    other => last = Some(other),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if waited.await.is_err() {
            panic!("not {reason:?}, but {last:?}");
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("KV_NODES", self.0.names().join(","));
        command.env("KV_CLIENTS_SECRET", Processes::CLIENTS);
        command
    }

    /// A command that succeeds, and what it prints.
    async fn prints(&self, args: &[&str], expected: &str) {
        let (code, out, errors) = run(self.command(args)).await;
        assert_eq!((code, &*out), (0, expected), "{args:?}: {errors}");
    }

    /// A command that fails with this code and text.
    async fn fails(&self, args: &[&str], code: i32, text: &str) {
        let (failed, out, errors) = run(self.command(args)).await;
        assert_eq!((failed, &*out), (code, ""), "{args:?}: {errors}");
        assert!(errors.contains(text), "{args:?}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_clients() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store(Processes::start(Path::new(PROGRAM), folder.path(), 1).unwrap());
    store.0.ready(0, PATIENCE).await.unwrap();
    let mut watch = store.command(&["watch", "a/", "--after", "0", "--limit", "3"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();

    store.prints(&["put", "a/1", "one"], "revision 1\n").await;
    store.prints(&["get", "a/1"], "one\n").await;
    store.prints(&["get", "a/1", "--raw", "--consistency", "stale"], "one").await;
    store.fails(&["get", "b"], 1, "there is no key \"b\"").await;
    store.prints(&["cas", "a/2", "--absent", "two\ttabs"], "revision 2\n").await;
    store.fails(&["cas", "a/2", "--absent", "x"], 1, "revision 2 wrote \"two\\ttabs\"").await;
    store.fails(&["cas", "a/2", "--revision", "1", "x"], 1, "is not as expected").await;
    store.prints(&["cas", "a/1", "--expect", "one", "--delete"], "revision 3\n").await;
    store.fails(&["cas", "a/1", "--revision", "1", "x"], 1, "it does not exist").await;
    store.prints(&["put", "b", "three"], "revision 4\n").await;
    store.prints(&["scan"], "a/2\ttwo\\ttabs\nb\tthree\n").await;
    store.prints(&["scan", "--keys", "--limit", "1"], "a/2\n").await;
    store.fails(&["delete", "c"], 1, "there is no such key").await;
    store.prints(&["delete", "a/2", "b"], "revision 5\n").await;

    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    for expected in ["1\tput\ta/1\tone", "2\tput\ta/2\ttwo\\ttabs", "3\tdelete\ta/1"] {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("a change").unwrap();
        assert_eq!(line.as_deref(), Some(expected));
    }
    assert!(timeout(PATIENCE, watch.wait()).await.unwrap().unwrap().success());

    store.refusals().await;
    // A value from the standard input, as long as the limit and longer.
    for (bytes, code) in [(1 << 20, 0), ((1 << 20) + 1, 3)] {
        let mut put = store.command(&["put", "long", "-"]);
        let mut put = put.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = put.stdin.take().unwrap();
        input.write_all(&vec![b'x'; bytes]).await.unwrap();
        drop(input);
        let output = put.wait_with_output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(code == 0 || errors.contains("a value has at most 1048576 bytes"), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_shows_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store(Processes::start(Path::new(PROGRAM), folder.path(), 3).unwrap());
    for at in 0..3 {
        store.0.ready(at, PATIENCE).await.unwrap();
    }
    let client = store.0.client();
    let leader = store.0.leader(&client, PATIENCE).await.unwrap();
    store.prints(&["put", "a", "1"], "revision 1\n").await;
    let (code, out, errors) = run(store.command(&["status"])).await;
    assert_eq!(code, 0, "{errors}");
    let name = store.0.name(leader);
    assert!(out.contains(&format!("{name}  leader  id {}  term ", leader + 1)), "{out}");
    assert_eq!(out.matches("  follower  ").count(), 2, "{out}");
    assert_eq!(out.matches("  voter\n").count(), 3, "{out}");

    let (status, text) = store.0.http(leader, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    for line in ["kv_is_leader 1", "kv_revision 1", "kv_voters 3"] {
        assert!(text.lines().any(|other| other == line), "no {line}:\n{text}");
    }
    assert!(text.contains("Kv/write"), "{text}");
    assert_eq!(store.0.http(leader, "/livez").await.unwrap(), (200, "alive\n".to_owned()));

    // Without a majority it lives, and is not ready for long.
    let rest: Vec<_> = (0..3).filter(|at| *at != leader).collect();
    for at in &rest {
        store.0.kill(*at).await.unwrap();
    }
    store.not_ready(leader, "this node leads, and no majority has answered within 1s").await;
    let args = ["get", "a", "--timeout-seconds", "3"];
    store.fails(&args, 3, "not done within 3s").await;
    store.fails(&args, 3, "check with `kv status`").await;
    let args = ["put", "a", "2", "--timeout-seconds", "3"];
    let (code, _, errors) = run(store.command(&args)).await;
    assert!(matches!(code, 3 | 4), "{code}: {errors}");
    store.prints(&["get", "a", "--consistency", "stale"], "1\n").await;
    assert_eq!(store.0.http(leader, "/livez").await.unwrap().0, 200);
    // The log is for operators, who would not find anything else among failed heartbeats.
    let log = std::fs::read_to_string(folder.path().join(format!("node{}.log", leader + 1)));
    assert!(!log.unwrap().contains("Raft/"));
}

/// Without a majority, a follower remembers the leader for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_not_ready_without_the_leader() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store(Processes::start(Path::new(PROGRAM), folder.path(), 3).unwrap());
    for at in 0..3 {
        store.0.ready(at, PATIENCE).await.unwrap();
    }
    let client = store.0.client();
    let leader = store.0.leader(&client, PATIENCE).await.unwrap();
    let [left, other] = [(leader + 1) % 3, (leader + 2) % 3];
    store.0.kill(other).await.unwrap();
    store.0.kill(leader).await.unwrap();
    let name = store.0.name(leader).to_owned();
    let text = format!("the leader was {}, and there is no link to {name}: ", leader + 1);
    store.not_ready(left, &text).await;
    store.0.restart(leader).unwrap();
    store.0.ready(left, PATIENCE).await.unwrap();
}

/// For a while only: one of them may be down for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_is_not_ready_without_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store(Processes::start(Path::new(PROGRAM), folder.path(), 3).unwrap());
    for at in [0, 2] {
        store.0.kill(at).await.unwrap();
    }
    store.0.restart(0).unwrap();
    store.not_ready(0, "it is not connected to all others yet").await;
    store.0.ready(0, PATIENCE).await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("node1.log")).unwrap();
    assert!(log.contains(&format!("no link to {} within 4s", store.0.name(2))), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_waits_for_the_others_ends_with_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store(Processes::start(Path::new(PROGRAM), folder.path(), 3).unwrap());
    for at in 1..3 {
        store.0.kill(at).await.unwrap();
    }
    store.not_ready(0, "it is not connected to all others yet").await;
    let ended = timeout(PATIENCE / 2, store.0.terminate(0)).await.expect("it ends");
    assert!(ended.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.toml", "nam = 'http://node1:9000'\n");
    let peer = file("peer.toml", "peers = ['http://node1:9000']\n");
    let listen = ["--listen", "127.0.0.1:0", "--probes", "127.0.0.1:0"];
    let node = ["node", "--name", "http://n:1", "--peers", "1=http://n:1"];
    let base = [&node[..], &["--data", "/nowhere/kv"]].concat();
    let other = ["--peers", "2=http://m:1", "--data", "/nowhere/kv", "--secret-file", &unknown];
    let other = [&["node", "--name", "http://n:1"], &other[..]].concat();
    let tls = [&node[..3], &["--peers", "1=http://n:1", "--data", "x", "--tls-ca", "x"]].concat();
    let short = [&base[..], &["--secret-file", &unknown, "--election-ms", "0"], &listen].concat();
    let none =
        [&base[..], &["--secret-file", &unknown, "--snapshot-entries", "0"], &listen].concat();
    let get = ["get", "a", "--secret-file", &unknown, "--nodes"];
    let [empty, bad] = ["", "node1"].map(|nodes| [&get[..], &[nodes]].concat());
    let cases: [(&[&str], &str); 14] = [
        (&["node"], "name is missing: set name, --name or KV_NAME"),
        (&node[..3], "peers is missing: set peers, --peers or KV_PEERS"),
        (&node, "data is missing: set data, --data or KV_DATA"),
        (&base, "secret_file is missing: set secret_file, --secret-file or KV_SECRET"),
        (&["node", "--config", &unknown], "unknown field `nam`"),
        (&["node", "--config", &peer], "write ID=URL, such as 1=http://node1:9000"),
        (&tls, "tls_ca, tls_certificate and tls_key need a name with https://"),
        (&["get", "a"], "nodes is missing: set nodes, --nodes or KV_NODES"),
        (&["get", "a", "--nodes", "http://n:1"], "KV_CLIENTS_SECRET or KV_OPERATORS_SECRET"),
        (&["cas", "a", "b"], "--absent"),
        (&short, "election_ms = 0: must be at least 10"),
        (&none, "snapshot_entries = 0: must be at least 1"),
        (&empty, "nodes is empty: set --nodes or KV_NODES"),
        (&bad, "error: bad node name \"node1\": it must begin with http://"),
    ];
    for (args, expected) in cases {
        let (code, _, errors) = run(command(args)).await;
        assert_eq!(code, 2, "{args:?}: {errors}");
        assert!(errors.contains(expected), "{args:?}: {errors}");
    }
    let (code, _, errors) = run(command(&other)).await;
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("http://n:1 is not one of them") && errors.contains("KV_ID"),
        "{errors}"
    );
    let (code, _, errors) = run(command(&[&base[..], &["--id", "2"]].concat())).await;
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("id = 2, but peers has 1=http://n:1: remove id"), "{errors}");
    assert!(errors.contains("take 1=http://n:1 out of peers, and keep id = 2"), "{errors}");
    // A folder that cannot be made, because there is a file in its place.
    let args = [&node[..], &["--data", &unknown, "--secret-file", &unknown], &listen].concat();
    let (code, _, errors) = run(command(&args)).await;
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("cannot open the storage in"), "{errors}");
}
