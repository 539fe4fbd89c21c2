//! The process of a node: its start, its orders and reports, and signals.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::message::{Order, Report, Setup};

/// A process that was killed is gone at once; this is for a busy machine.
const KILL_MAX: Duration = Duration::from_secs(60);

/// A node that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a node that appends to this log.
    pub(crate) async fn start(
        setup: &Setup,
        log: &Path,
        environment: Vec<(&'static str, String)>,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("node")
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let orders = child.stdin.take().ok_or_else(missing)?;
        let reports = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        let mut process = Self { child, orders, reports };
        process.line(&serde_json::to_string(setup)?).await?;
        Ok(process)
    }

    async fn line(&mut self, line: &str) -> io::Result<()> {
        self.orders.write_all(format!("{line}\n").as_bytes()).await
    }

    pub(crate) async fn order(&mut self, order: Order) -> io::Result<()> {
        self.line(&serde_json::to_string(&order)?).await
    }

    /// The next report, if it comes in time and the node does not end before.
    pub(crate) async fn report(&mut self, within: Duration) -> Option<Report> {
        let line = timeout(within, self.reports.next_line()).await.ok()?.ok()??;
        serde_json::from_str(&line).ok()
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the process has ended"))?;
        Ok(kill_process(id, signal)?)
    }

    /// How it has ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end, at most for this time.
    pub(crate) async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        timeout(within, self.child.wait()).await.ok()?.ok()
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        // It may have ended by itself.
        let _ = self.signal(Signal::KILL);
        match self.ended(KILL_MAX).await {
            Some(_) => Ok(()),
            None => Err(io::Error::other(format!("it still runs {KILL_MAX:?} after SIGKILL"))),
        }
    }
}
