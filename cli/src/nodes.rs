//! [`Node`]: a node of the grid with the services that commands call; and all nodes of its host list.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grid::admin::{AdminClient, NodeStatus};
use grid::reflection::ReflectionClient;
use grid::{CallError, Connection, ErrorCode, Guest, RemoteError, Responses};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

use crate::connect::Global;
use crate::failure::Failure;
use crate::output::note;

/// How long to wait before a stream of a node that has failed is opened again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Items of all nodes that wait to be written.
const ITEMS_MAX: usize = 1024;

/// A node that this command is connected to, as a guest.
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) admin: AdminClient,
    pub(crate) reflection: ReflectionClient,
    guest: Guest,
}

/// A node of the host list, and the connection to it.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) node: Result<Node, Failure>,
}

impl Global {
    /// Connects to the node.
    pub(crate) async fn node(&self) -> Result<Node, Failure> {
        Ok(Node::new(self.connect().await?))
    }

    /// Connects to the node, and through its host list to all others, in the order of their names.
    pub(crate) async fn hosts(&self) -> Result<Vec<Host>, Failure> {
        let first = self.node().await?;
        let NodeStatus { name, hosts, .. } = administered(first.admin.node().await)?;
        let others = hosts.into_iter().filter(|host| *host != name);
        let others = others.map(|host| async move {
            let node = self.connect_to(&host).await.map(Node::new);
            Host { name: host, node }
        });
        let mut all = join_all(others).await;
        all.push(Host { name, node: Ok(first) });
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Connects to the node, or to all nodes.
    pub(crate) async fn one_or_all(&self, all: bool) -> Result<Vec<Host>, Failure> {
        if all {
            return self.hosts().await;
        }
        let node = self.node().await?;
        Ok(vec![Host { name: node.name.to_string(), node: Ok(node) }])
    }
}

/// What nodes have answered, in the order of their names.
pub(crate) struct Asked<T> {
    pub(crate) answers: Vec<From<T>>,
    /// Whether all have, for the end of the command.
    pub(crate) end: Result<(), Failure>,
}

impl Global {
    /// Asks the node, or all nodes at once. Of all, those that do not answer are named on standard error.
    pub(crate) async fn ask<T, F>(
        &self,
        all: bool,
        ask: impl Fn(AdminClient) -> F,
    ) -> Result<Asked<T>, Failure>
    where
        F: Future<Output = Result<T, CallError<RemoteError>>>,
    {
        if !all {
            let Node { name: node, admin, .. } = &self.node().await?;
            let item = administered(ask(admin.clone()).await)?;
            return Ok(Asked { answers: vec![From { node: Arc::clone(node), item }], end: Ok(()) });
        }
        let hosts = self.hosts().await?;
        let asked = join_all(hosts.into_iter().map(|Host { name, node }| async {
            let answer = match node {
                Ok(node) => administered(ask(node.admin.clone()).await),
                Err(failure) => Err(failure),
            };
            (name, answer)
        }));
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        for (name, answer) in asked.await {
            match answer {
                Ok(item) => answers.push(From { node: name.into(), item }),
                Err(failure) => {
                    note(format_args!("{name}: {failure}"));
                    failures.push(failure);
                }
            }
        }
        let (failed, nodes) = (failures.len(), failures.len() + answers.len());
        let end = match failures.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(Failure::Some { failed, nodes, first: Box::new(first) }),
        };
        Ok(Asked { answers, end })
    }
}

impl Node {
    /// The connection, which is made again when it is lost, for as long as this lives.
    pub(crate) fn connection(&self) -> Connection {
        self.guest.connection()
    }

    pub(crate) fn new(guest: Guest) -> Self {
        let connection = guest.connection();
        Self {
            name: connection.peer().into(),
            admin: AdminClient::new(connection.clone()),
            reflection: ReflectionClient::new(connection),
            guest,
        }
    }
}

/// The answer of `grid.Admin`. A node without that service is an error that says what to do.
pub(crate) fn administered<T>(answer: Result<T, CallError<RemoteError>>) -> Result<T, Failure> {
    answer.map_err(|error| match error.flatten() {
        CallError::Remote(RemoteError { code: ErrorCode::UnknownHandler, .. }) => Failure::Unknown(
            "the node has no `grid.Admin`, or an older one without this method: its program must call `Builder::admin`"
                .to_owned(),
        ),
        error => error.into(),
    })
}

/// What comes from one node.
pub(crate) struct From<T> {
    pub(crate) node: Arc<str>,
    pub(crate) item: T,
}

impl<T> From<Result<T, Failure>> {
    /// The item. A failure ends a command that follows one node only; of several nodes, it is written to standard error.
    pub(crate) fn or_note(self, is_alone: bool) -> Result<Option<From<T>>, Failure> {
        let Self { node, item } = self;
        match item {
            Ok(item) => Ok(Some(From { node, item })),
            Err(failure) if is_alone => Err(failure),
            Err(failure) => {
                note(format_args!("{node}: {failure}"));
                Ok(None)
            }
        }
    }
}

/// The items of a stream of each node, in the order of their arrival.
///
/// With one node, the end of its stream is the last item. With `all`, a failure is an item, and the stream is opened again as soon
/// as the node can be reached: also when it has ended, as when the node shuts down. Not when the node has refused it.
pub(crate) fn follow<T, O, F>(
    global: &Global,
    hosts: Vec<Host>,
    all: bool,
    open: O,
) -> Receiver<From<Result<T, Failure>>>
where
    T: DeserializeOwned + Send + 'static,
    O: Fn(AdminClient) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Responses<T, RemoteError>, CallError<RemoteError>>> + Send + 'static,
{
    let (items, received) = channel(ITEMS_MAX);
    for host in hosts {
        let (global, items, open) = (global.clone(), items.clone(), open.clone());
        tokio::spawn(follow_one(global, host, all, open, items));
    }
    received
}

async fn follow_one<T, O, F>(
    global: Global,
    Host { name, node }: Host,
    again: bool,
    open: O,
    items: Sender<From<Result<T, Failure>>>,
) where
    T: DeserializeOwned + Send + 'static,
    O: Fn(AdminClient) -> F,
    F: Future<Output = Result<Responses<T, RemoteError>, CallError<RemoteError>>>,
{
    let mut connected = Some(node);
    let mut noted = None;
    loop {
        let node = match connected.take() {
            Some(node) => node,
            None => global.connect_to(&name).await.map(Node::new),
        };
        let ended = match node {
            Ok(node) => {
                let ended = pass_on(&node, &open, &items, &mut noted).await;
                connected = Some(Ok(node));
                ended
            }
            Err(failure) => Err(failure),
        };
        let is_final = !again || ended.as_ref().is_err_and(is_refusal);
        if let Err(failure) = ended {
            let text = Some(failure.to_string());
            // Once, and not with each attempt.
            if noted != text {
                noted = text;
                let failed = From { node: name.as_str().into(), item: Err(failure) };
                let _ = items.send(failed).await;
            }
        }
        if is_final || items.is_closed() {
            break;
        }
        sleep(AGAIN_AFTER).await;
    }
}

/// Whether the node would refuse it again.
fn is_refusal(failure: &Failure) -> bool {
    use ErrorCode::{BadRequest, NotPermitted, Text, UnknownHandler};
    match failure {
        Failure::Unknown(_) => true,
        Failure::Call(CallError::Remote(error)) => {
            matches!(error.code, BadRequest | NotPermitted | Text | UnknownHandler)
        }
        _ => false,
    }
}

/// Passes the items of one node on until its stream has ended, or nobody wants them any more.
async fn pass_on<T, F>(
    node: &Node,
    open: impl Fn(AdminClient) -> F,
    items: &Sender<From<Result<T, Failure>>>,
    noted: &mut Option<String>,
) -> Result<(), Failure>
where
    F: Future<Output = Result<Responses<T, RemoteError>, CallError<RemoteError>>>,
    T: DeserializeOwned + 'static,
{
    let mut stream = administered(open(node.admin.clone()).await)?;
    while let Some(item) = stream.next().await {
        let item = administered(item)?;
        *noted = None;
        let item = From { node: Arc::clone(&node.name), item: Ok(item) };
        if items.send(item).await.is_err() {
            break;
        }
    }
    Ok(())
}
