//! Processes of the program: nodes, and the commands that ask them. All end with their test, and nothing waits for ever.

use std::{
    ffi::OsStr,
    net::TcpListener,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

/// Whatever takes longer than that hangs, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The program.
pub(crate) fn files<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_files"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("FILES_TOKEN").kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    timeout(LIMIT, files(args).output()).await.unwrap_or_else(|_| panic!("{args:?} hangs")).unwrap()
}

/// What the program prints on stdout, where nothing may go wrong.
pub(crate) async fn output(args: &[&str]) -> Vec<u8> {
    let output = run(args).await;
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{args:?}: {complaints}");
    output.stdout
}

/// What the program says on stderr, where it must fail.
pub(crate) async fn refusal(args: &[&str]) -> String {
    let output = run(args).await;
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Names of nodes with ports that are free: found by binding them, all at a time so that they differ.
///
/// Each test process has a loopback address of its own: on the usual one, somebody's outgoing connection could take a
/// port between here and the node that binds it.
pub(crate) fn names<const N: usize>() -> [String; N] {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let bind = |_| TcpListener::bind((format!("127.{a}.{b}.{}", c.clamp(1, 254)), 0)).unwrap();
    [(); N].map(bind).map(|listener| format!("http://{}", listener.local_addr().unwrap()))
}

/// The host and port of a name.
pub(crate) fn address(name: &str) -> &str {
    name.strip_prefix("http://").unwrap()
}

/// A running `files node`.
pub(crate) struct Node {
    pub(crate) name: String,
    child: Child,
    stderr: watch::Receiver<String>,
}

impl Node {
    /// Starts a node and waits until it listens.
    pub(crate) async fn start(name: &str, hosts: &[String], dir: &Path) -> Self {
        Self::start_with(name, hosts, dir, &[]).await
    }

    /// Likewise, with further arguments.
    pub(crate) async fn start_with(
        name: &str,
        hosts: &[String],
        dir: &Path,
        more: &[&str],
    ) -> Self {
        let mut command = files(["node", "--name", name, "--hosts", &hosts.join(",")]);
        let mut child = command.arg("--dir").arg(dir).args(more).spawn().unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        wait_for(stdout, &format!("listening on {name}\n")).await;
        Self { name: name.to_owned(), child, stderr }
    }

    /// Starts a node for each directory, and waits until they are connected with each other.
    pub(crate) async fn cluster<const N: usize>(dirs: [&Path; N]) -> [Self; N] {
        let names = names::<N>();
        let mut nodes = Vec::new();
        for (name, dir) in names.iter().zip(dirs) {
            nodes.push(Self::start(name, &names, dir).await);
        }
        for node in &nodes {
            for other in names.iter().filter(|name| **name != node.name) {
                node.says(&format!("{other}: connected\n")).await;
            }
        }
        nodes.try_into().unwrap_or_else(|_| unreachable!())
    }

    /// Waits until it has said this on stderr.
    pub(crate) async fn says(&self, what: &str) {
        wait_for(self.stderr.clone(), what).await;
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The most memory it has had so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory_peak(&self) -> u64 {
        let pid = self.child.id().expect("running");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Kills it, without a chance to say goodbye.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends it a signal and waits until it has ended, which must be a success.
    pub(crate) async fn end(mut self, signal: &str) {
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        let status = timeout(LIMIT, self.child.wait()).await.expect("the node ends").unwrap();
        assert!(status.success(), "{signal}: {status}");
    }
}

/// Collects what a process says, so that it never waits for its reader.
fn collect(from: impl AsyncRead + Unpin + Send + 'static) -> watch::Receiver<String> {
    let (said, receiver) = watch::channel(String::new());
    let mut lines = BufReader::new(from).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            said.send_modify(|all| all.extend([&line, "\n"]));
        }
    });
    receiver
}

async fn wait_for(mut said: watch::Receiver<String>, what: &str) {
    let found = timeout(LIMIT, said.wait_for(|all| all.contains(what))).await;
    let found = found.map(|found| found.is_ok());
    assert_eq!(found, Ok(true), "waiting for {what:?}; was said: {}", *said.borrow());
}
