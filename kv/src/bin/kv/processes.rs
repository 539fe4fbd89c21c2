//! [`Processes`]: nodes in processes of their own, for the demonstration and the tests.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grid::SharedSecret;
use grid_kv::client::Client;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(10);

/// Nodes with the ids 1 to n. The node with the id 1 is at 0. They are killed when this is dropped.
pub(crate) struct Processes {
    program: PathBuf,
    folder: PathBuf,
    /// Members of the group when it begins.
    first: usize,
    nodes: Vec<Process>,
}

struct Process {
    name: String,
    probes: String,
    child: Option<Child>,
}

impl Processes {
    /// The secret of the nodes, which only this machine reaches, and which end with the program.
    const SECRET: &str = "of the nodes of this demonstration";
    /// The secret of clients.
    pub(crate) const CLIENTS: &str = "of its clients";
    /// The secret of operators.
    pub(crate) const OPERATORS: &str = "of its operators";

    /// Starts this many nodes, with their data and logs in this folder.
    pub(crate) fn start(program: &Path, folder: &Path, size: usize) -> io::Result<Self> {
        let (program, folder) = (program.to_owned(), folder.to_owned());
        let mut processes = Self { program, folder, first: size, nodes: Vec::new() };
        // The names of all must be known before the first is started.
        for _ in 0..size {
            processes.nodes.push(Process::new()?);
        }
        (0..size).try_for_each(|at| processes.restart(at))?;
        Ok(processes)
    }

    /// Starts one more, which waits to be added.
    pub(crate) fn join(&mut self) -> io::Result<usize> {
        let at = self.nodes.len();
        self.nodes.push(Process::new()?);
        self.restart(at)?;
        Ok(at)
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        &self.nodes[at].name
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// Starts a node that does not run.
    pub(crate) fn restart(&mut self, at: usize) -> io::Result<()> {
        let peer = |at: usize| format!("{}={}", at + 1, self.nodes[at].name);
        let peers: Vec<_> = (0..self.first).map(peer).collect();
        let log = self.folder.join(format!("node{}.log", at + 1));
        let log = File::options().create(true).append(true).open(log)?;
        let node = &mut self.nodes[at];
        let address = node.name.trim_start_matches("http://");
        let child = Command::new(&self.program)
            .args(["node", "--name", &node.name, "--listen", address, "--probes", &node.probes])
            .args(["--peers", &peers.join(","), "--id", &(at + 1).to_string()])
            .arg("--data")
            .arg(self.folder.join(format!("node{}", at + 1)))
            .env("KV_SECRET", Self::SECRET)
            .env("KV_CLIENTS_SECRET", Self::CLIENTS)
            .env("KV_OPERATORS_SECRET", Self::OPERATORS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        node.child = Some(child);
        Ok(())
    }

    /// Kills a node with SIGKILL.
    pub(crate) async fn kill(&mut self, at: usize) -> io::Result<()> {
        match self.nodes[at].child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// Ends a node with SIGTERM, and waits for it.
    pub(crate) async fn terminate(&mut self, at: usize) -> io::Result<ExitStatus> {
        let Some(mut child) = self.nodes[at].child.take() else {
            return Err(io::Error::other("the node does not run"));
        };
        let pid = child.id().map(|pid| pid.to_string()).unwrap_or_default();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        child.wait().await
    }

    /// A client of the nodes.
    pub(crate) fn client(&self) -> Client {
        Client::guest(self.names(), |builder| builder.token(SharedSecret::new(Self::CLIENTS)))
    }

    /// Waits until a node is ready, as its probe says, and returns how long that took.
    pub(crate) async fn ready(&self, at: usize, within: Duration) -> io::Result<Duration> {
        let (began, url) = (Instant::now(), &self.nodes[at].probes);
        let mut last = String::new();
        while began.elapsed() < within {
            match probe(url, "/readyz").await {
                Ok((200, _)) => return Ok(began.elapsed()),
                Ok((_, text)) => last = text,
                Err(error) => last = error.to_string(),
            }
            sleep(LOOK).await;
        }
        let name = &self.nodes[at].name;
        let log = self.folder.join(format!("node{}.log", at + 1));
        Err(io::Error::other(format!(
            "{name} is not ready after {within:?}: {}; its log is {}",
            last.trim(),
            log.display()
        )))
    }

    /// What a node answers to a request of its HTTP server.
    pub(crate) async fn http(&self, at: usize, path: &str) -> io::Result<(u16, String)> {
        probe(&self.nodes[at].probes, path).await
    }

    /// Waits until a running node says that it leads, and returns its place.
    pub(crate) async fn leader(&self, client: &Client, within: Duration) -> io::Result<usize> {
        let began = Instant::now();
        while began.elapsed() < within {
            for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.child.is_some())
            {
                let status = client.clone().with_timeout(Duration::from_secs(1));
                let status = status.status(&node.name).await;
                if status.is_ok_and(|status| status.role == "leader") {
                    return Ok(at);
                }
            }
            sleep(LOOK).await;
        }
        Err(io::Error::other(format!("no node leads after {within:?}")))
    }
}

impl Process {
    fn new() -> io::Result<Self> {
        let (name, probes) = (free_address()?, free_address()?);
        Ok(Self { name: format!("http://{name}"), probes, child: None })
    }
}

/// An address with a free port, another one for each call: while a node is down, its port is free. On Linux each process takes them from
/// a loopback address of its own: on the usual one, an outgoing connection of another process could take the port before the node
/// binds it.
pub(crate) fn free_address() -> io::Result<String> {
    static GIVEN: Mutex<BTreeSet<SocketAddr>> = Mutex::new(BTreeSet::new());
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let address = match cfg!(target_os = "linux") {
        true => Ipv4Addr::new(127, a, b, c.clamp(1, 254)),
        false => Ipv4Addr::LOCALHOST,
    };
    loop {
        let free = TcpListener::bind((IpAddr::V4(address), 0))?.local_addr()?;
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(free) {
            return Ok(free.to_string());
        }
    }
}

/// The status and the body of an answer. HTTP 1.0, so that the connection ends with it.
async fn probe(address: &str, path: &str) -> io::Result<(u16, String)> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    /// Metrics are some ten KiB.
    const ANSWER_BYTES_MAX: u64 = 4 << 20;
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("not an HTTP answer"))?;
    Ok((status, body.to_owned()))
}
