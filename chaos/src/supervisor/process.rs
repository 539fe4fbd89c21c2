//! The process of a node: its start, its orders and reports, and signals.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::judge::Judge;
use crate::clock::Moment;
use crate::id::Life;
use crate::message::{Order, Report, Setup, Status};

/// What is in a pipe when a process is killed is still read, and a full one would hold up the node: as large as any user may make
/// it.
const PIPE_BYTES: usize = 1 << 20;

/// A node that runs.
pub(super) struct Process {
    pub(super) life: Life,
    pub(super) pid: u32,
    child: Child,
    orders: ChildStdin,
    replies: watch::Receiver<Replies>,
    reading: JoinHandle<()>,
}

/// The reports that answer orders.
#[derive(Debug, Clone)]
pub(super) struct Replies {
    pub(super) port: Option<u16>,
    pub(super) is_paused: bool,
    pub(super) is_round_over: bool,
    /// The last status, and its number.
    status: (u64, Status),
    alive: Moment,
}

impl Process {
    pub(super) async fn start(setup: &Setup, judge: &Arc<Judge>) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("node")
            // Each thread would have free memory of its own otherwise, and growth with their number would hide a leak.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let mut orders = child.stdin.take().ok_or_else(missing)?;
        let reports = child.stdout.take().ok_or_else(missing)?;
        let log = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id().ok_or_else(missing)?;
        // A limit of the system may forbid it; the node then waits earlier.
        let _ = rustix::pipe::fcntl_setpipe_size(&reports, PIPE_BYTES);
        let mut line = serde_json::to_vec(setup)?;
        line.push(b'\n');
        orders.write_all(&line).await?;
        let (sender, replies) = watch::channel(Replies::new());
        let reading = tokio::spawn(read(setup.life, reports, log, sender, Arc::clone(judge)));
        Ok(Self { life: setup.life, pid, child, orders, replies, reading })
    }

    pub(super) async fn order(&mut self, order: Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(&order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await
    }

    /// Waits for a reply, at most for this time.
    pub(super) async fn reply<T>(
        &mut self,
        max: Duration,
        reply: impl Fn(&Replies) -> Option<T>,
    ) -> Option<T> {
        let wanted = self.replies.wait_for(|replies| reply(replies).is_some());
        timeout(max, wanted).await.ok()?.ok().and_then(|replies| reply(&replies))
    }

    /// Orders a status and waits for it.
    pub(super) async fn status(&mut self, max: Duration) -> Option<Status> {
        let (last, _) = self.replies.borrow().status;
        self.order(Order::Status).await.ok()?;
        let next = |replies: &Replies| {
            let (number, status) = &replies.status;
            (*number > last).then(|| status.clone())
        };
        self.reply(max, next).await
    }

    /// When the process has last shown that it runs.
    pub(super) fn last_sign(&self) -> Moment {
        self.replies.borrow().alive
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("not the id of a process"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// Whether it has ended by itself.
    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end, at most for this time, and until all that it has reported was read.
    pub(super) async fn ended(mut self, max: Duration) -> Option<ExitStatus> {
        let status = timeout(max, self.child.wait()).await.ok()?.ok();
        // The pipes are closed, as nodes start no processes.
        let _ = self.reading.await;
        status
    }
}

impl Replies {
    fn new() -> Self {
        Self {
            port: None,
            is_paused: false,
            is_round_over: false,
            status: (0, Status::default()),
            alive: Moment::now(),
        }
    }
}

/// Reads what a node reports and logs, until it has ended.
async fn read(
    life: Life,
    reports: ChildStdout,
    log: ChildStderr,
    replies: watch::Sender<Replies>,
    judge: Arc<Judge>,
) {
    let reports = async {
        let mut lines = BufReader::new(reports).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(report) => take(life, report, &replies, &judge),
                Err(error) => {
                    judge.violation(&[life.node], None, &format!("a bad report: {error}: {line}"));
                }
            }
        }
    };
    let log = async {
        let mut lines = BufReader::new(log).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            judge.log(life.node, line);
        }
    };
    tokio::join!(reports, log);
}

fn take(life: Life, report: Report, replies: &watch::Sender<Replies>, judge: &Judge) {
    let reply = |change: &dyn Fn(&mut Replies)| {
        replies.send_modify(|replies| {
            replies.alive = Moment::now();
            change(replies);
        });
    };
    match report {
        Report::Ran(call) => judge.ran(life, call),
        Report::Ended(ended) => judge.ended(&ended),
        Report::Wrong(wrong) => judge.wrong(life, &wrong),
        Report::Listening(port) => reply(&|replies| replies.port = Some(port)),
        Report::Alive => reply(&|_| {}),
        Report::Paused => reply(&|replies| replies.is_paused = true),
        Report::RoundOver => reply(&|replies| replies.is_round_over = true),
        Report::Status(status) => {
            reply(&|replies| replies.status = (replies.status.0 + 1, status.clone()));
        }
    }
}
