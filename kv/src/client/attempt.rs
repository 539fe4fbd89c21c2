//! [`Attempts`]: one operation at one node after another, until its time is over.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use grid::CallError;
use rand::RngExt as _;
use tokio::time::{Instant, sleep};

use super::error::{Next, Refusal, may_have_run, next};
use super::leader::Leader;
use super::{Client, ClientError};
use crate::service::{KvClient, KvError};

/// The longest that one node is waited for. A node that has crashed is noticed at once; this is for one that says nothing.
const ATTEMPT_MAX: Duration = Duration::from_secs(2);
/// Pauses after an attempt that has found no leader: from this one on they double, to a fraction of an election.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_LAST: Duration = Duration::from_millis(200);

/// The attempts of one operation.
pub(super) struct Attempts<'a> {
    client: &'a Client,
    deadline: Instant,
    attempt_max: Duration,
    pause: Duration,
    /// Of a read it does not matter.
    is_read: bool,
    may_have_run: bool,
}

impl Client {
    pub(super) fn lock_leader(&self) -> MutexGuard<'_, Leader> {
        self.inner.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attempts(&self, deadline: Instant) -> Attempts<'_> {
        Attempts {
            client: self,
            deadline,
            attempt_max: ATTEMPT_MAX,
            pause: PAUSE_FIRST,
            is_read: false,
            may_have_run: false,
        }
    }
}

impl Attempts<'_> {
    /// For operations that take long, such as a change of members: they are not repeated while they run.
    pub(super) fn with_all_of_the_time(self) -> Self {
        Self { attempt_max: Duration::MAX, ..self }
    }

    /// For reads, which have no effect.
    pub(super) fn of_read(self) -> Self {
        Self { is_read: true, ..self }
    }

    /// Another request: what was sent before does not count.
    pub(super) fn begin(&mut self) {
        self.may_have_run = false;
    }

    /// Whether an attempt that has failed may have been done.
    pub(super) fn may_have_run(&self) -> bool {
        self.may_have_run
    }

    /// Calls nodes until one of them has done it.
    pub(super) async fn run<T, F>(
        &mut self,
        call: impl Fn(KvClient, Duration) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, CallError<KvError>>>,
    {
        // Twice each: a node that ends during a handshake of TLS looks like one that refuses it.
        let (mut last, mut refused) = (None, BTreeMap::<String, u32>::new());
        loop {
            let began = Instant::now();
            let left = self.deadline.saturating_duration_since(began);
            let node = self.client.lock_leader().current().ok_or(ClientError::NoNodes)?;
            if left.is_zero() {
                return Err(self.over(last.as_deref().unwrap_or("there was no time for it")));
            }
            match self.attempt(&node, left.min(self.attempt_max), &call).await {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Refused { refusal, text }) => {
                    *refused.entry(node.clone()).or_insert(0) += 1;
                    let has_refused = |node| refused.get(node).is_some_and(|times| *times > 1);
                    if self.client.nodes().iter().all(has_refused) {
                        return Err(ClientError::Denied { refusal, last: text });
                    }
                    self.client.lock_leader().skip(&node);
                    last = Some(text);
                    self.pause(left).await;
                    continue;
                }
                Err(Failure::Asks { leader, text }) if leader != node => {
                    tracing::debug!(node, leader, "{text}");
                    self.client.lock_leader().follow(leader);
                    last = Some(text);
                    // At once, if it is so. Two nodes that point at each other would be asked very often otherwise.
                    self.pause(left).await;
                }
                // A leader without a lease says so as well.
                Err(Failure::Asks { text, .. }) => {
                    last = Some(text);
                    self.pause(left).await;
                }
                Err(Failure::Later(text)) => {
                    tracing::debug!(node, "{text}");
                    self.client.lock_leader().skip(&node);
                    // An attempt that has had too little time says less than the one before it.
                    let now = Instant::now();
                    let is_short = now >= self.deadline && now - began < ATTEMPT_MAX;
                    if !is_short || last.is_none() {
                        last = Some(text);
                    }
                    self.pause(left).await;
                }
            }
            // All must refuse it, and no other failure may be in between, such as the end of a node that is restarted.
            refused.clear();
        }
    }

    async fn attempt<T, F>(
        &mut self,
        node: &str,
        within: Duration,
        call: impl Fn(KvClient, Duration) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, CallError<KvError>>>,
    {
        let connection = self.client.inner.access.connect(node, within).await;
        let connection = connection.map_err(|error| match error {
            ClientError::Unreachable { refusal: Some(refusal), .. } => {
                Failure::Refused { refusal, text: error.to_string() }
            }
            ClientError::Settings(_) => Failure::Final(error),
            error => Failure::Later(error.to_string()),
        })?;
        let error = match call(KvClient::new(connection), within).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        self.may_have_run |= !self.is_read && may_have_run(&error);
        Err(match next(&error) {
            Next::Ask(leader) => Failure::Asks { leader, text: of_node(node, &error) },
            Next::Later => Failure::Later(of_node(node, &error)),
            Next::Fail => Failure::Final(error.into()),
        })
    }

    fn over(&self, last: &str) -> ClientError {
        let (after, last) = (self.client.timeout, last.to_owned());
        ClientError::Deadline { after, may_have_run: self.may_have_run, last }
    }

    /// A pause, not longer than the time that is left, and half of it random: clients that have lost a leader together come back one
    /// by one.
    async fn pause(&mut self, left: Duration) {
        let share = rand::rng().random_range(0.5..1.0);
        sleep(self.pause.mul_f64(share).min(left)).await;
        self.pause = (self.pause * 2).min(PAUSE_LAST);
    }
}

/// What has failed, and at which node: what a handler returns does not say so.
fn of_node(node: &str, error: &CallError<KvError>) -> String {
    match error {
        CallError::Handler(KvError::NotLeader { leader: Some(leader) }) => {
            format!("{node} is not the leader, which is {leader}")
        }
        CallError::Handler(KvError::NotLeader { leader: None }) => {
            format!("{node} is not the leader, and knows none")
        }
        CallError::DeadlineExceeded { after, .. } => {
            format!("{node} has not answered within {after:.1?}")
        }
        CallError::Handler(error) => format!("{node}: {error}"),
        error => error.to_string(),
    }
}

/// How an attempt has failed.
enum Failure {
    Refused { refusal: Refusal, text: String },
    Asks { leader: String, text: String },
    Later(String),
    Final(ClientError),
}
