//! The way from one node to another one: a listener, the target behind it, and the connections between them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::carry::carry;
use super::conditions::Conditions;
use super::connection::{Armed, Connection};
use super::hit::{Damage, Hit};

/// A listener that fails, for want of descriptors, is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Route {
    port: u16,
    conditions: watch::Sender<Conditions>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    target: Option<u16>,
    /// The last one is the latest.
    open: Vec<Arc<Connection>>,
    /// Whether there has been a connection.
    is_used: bool,
    /// What is done to the next connection.
    next: Option<Armed>,
}

impl Route {
    pub(super) async fn start() -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (conditions, state) = (watch::Sender::default(), Mutex::default());
        let route = Arc::new(Self { port: listener.local_addr()?.port(), conditions, state });
        tokio::spawn(Arc::clone(&route).accept(listener));
        Ok(route)
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((dialer, _)) => drop(tokio::spawn(Arc::clone(&self).carry(dialer))),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Carries a connection until it has ended.
    async fn carry(self: Arc<Self>, dialer: TcpStream) {
        let target = self.state().target;
        let target = match target {
            Some(port) => TcpStream::connect(("127.0.0.1", port)).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        let Ok(target) = target else {
            // As if the node's own port had refused.
            let _ = dialer.set_zero_linger();
            return;
        };
        let connection = {
            let mut state = self.state();
            let connection = Arc::new(Connection::new(state.next.take()));
            state.open.push(Arc::clone(&connection));
            state.is_used = true;
            connection
        };
        let _ = carry(&connection, dialer, target, self.conditions.subscribe()).await;
        self.state().open.retain(|other| !Arc::ptr_eq(other, &connection));
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set_target(&self, port: Option<u16>) {
        self.state().target = port;
    }

    pub(super) fn set(&self, conditions: Conditions) {
        self.conditions.send_replace(conditions);
    }

    pub(super) fn is_used(&self) -> bool {
        self.state().is_used
    }

    pub(super) fn connections(&self) -> usize {
        self.state().open.len()
    }

    /// Closes all connections. Returns whether there were any.
    pub(super) fn cut(&self) -> bool {
        let state = self.state();
        state.open.iter().for_each(|connection| connection.cut());
        !state.open.is_empty()
    }

    /// Arms the latest connection; `None` if there is none that is whole.
    pub(super) fn hit(&self, hit: Hit) -> Option<oneshot::Receiver<Damage>> {
        self.state().open.iter().rev().find_map(|connection| connection.arm(hit))
    }

    /// Arms the next connection.
    pub(super) fn hit_next(&self, hit: Hit) -> oneshot::Receiver<Damage> {
        let (done, receiver) = oneshot::channel();
        self.state().next = Some(Armed { hit, done });
        receiver
    }

    /// Connections that were damaged after their handshake and are open, each once.
    pub(super) fn damaged(&self) -> Vec<Damage> {
        self.state().open.iter().filter_map(|connection| connection.damage()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
