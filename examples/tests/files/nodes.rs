//! Processes of the program: nodes, and the commands that call them. All end with their test, and every wait has a
//! time-out.

use std::{
    ffi::OsStr,
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

use crate::ports::names;

/// Time-out of every wait. Long enough for a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The program.
pub(crate) fn files<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_files"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("FILES_TOKEN").kill_on_drop(true);
    command
}

/// Runs the program until it ends.
pub(crate) async fn run(args: &[&str]) -> Output {
    timeout(LIMIT, files(args).output()).await.unwrap_or_else(|_| panic!("{args:?} hangs")).unwrap()
}

/// Runs the program, which must succeed, and returns its stdout.
pub(crate) async fn output(args: &[&str]) -> Vec<u8> {
    let output = run(args).await;
    let complaints = String::from_utf8_lossy(&output.stderr);
    // A busy machine can hold up a handler for so long that its node warns of it.
    let is_quiet = complaints.lines().all(|line| line.contains("has held its thread"));
    assert!(output.status.success() && is_quiet, "{args:?}: {complaints}");
    output.stdout
}

/// Runs the program, which must fail, and returns its stderr.
pub(crate) async fn refusal(args: &[&str]) -> String {
    let output = run(args).await;
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
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

    /// Like [`Node::start`], with further arguments.
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

    /// Waits until it has printed this on stderr.
    pub(crate) async fn says(&self, what: &str) {
        wait_for(self.stderr.clone(), what).await;
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its peak memory so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory_peak(&self) -> u64 {
        let pid = self.child.id().expect("running");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Kills it without a shutdown.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends it a signal and waits until it ends, which it must do with success.
    pub(crate) async fn end(mut self, signal: &str) {
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        let status = timeout(LIMIT, self.child.wait()).await.expect("the node ends").unwrap();
        assert!(status.success(), "{signal}: {status}");
    }
}

/// Collects the output of a process, so that the process never blocks on writing.
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
    assert_eq!(found, Ok(true), "waiting for {what:?}; the output is: {}", *said.borrow());
}
