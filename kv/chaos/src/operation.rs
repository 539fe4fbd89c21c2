//! One operation of a client on a register, and what it is told.
//!
//! A register is a key, or a pair of keys that are only written together: it is read by either, so that a batch of which only a part
//! was applied is noticed.

use std::time::Duration;

use grid_kv::client::{Client, ClientError, Written};
use grid_kv::model::{Expect, Op as Change};
use grid_kv::service::{Consistency, put};
use grid_kv_oracle::Reply;
use grid_kv_oracle::history::{Op, Outcome, Value};

/// The registers of a window, with the ends of their keys. Few, so that clients meet at them.
pub(crate) const REGISTERS: [&[&str]; 4] = [&["a"], &["b"], &["c"], &["left", "right"]];

/// Who reads for the judge, among the clients.
pub(crate) const AUDITOR: usize = usize::MAX;

/// A key, or two that are written together.
#[derive(Debug, Clone)]
pub(crate) struct Register {
    /// What the history calls it.
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
}

impl Register {
    /// The register at this place of a window.
    pub(crate) fn new(window: u64, at: usize) -> Self {
        let keys = REGISTERS.get(at).copied().unwrap_or_default();
        let name = format!("{window}/{}", keys.join("+"));
        Self { name, keys: keys.iter().map(|key| format!("{window}/{key}")).collect() }
    }
}

/// How an operation is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) consistency: Consistency,
    /// By which key of a register it is read.
    pub(crate) by: usize,
}

/// Does an operation.
pub(crate) async fn perform(client: &Client, register: &Register, op: Op, how: How) -> Reply {
    let Register { keys, .. } = register;
    let text = |value: Value| value.to_string();
    let puts = |value| keys.iter().map(move |key| put(key, text(value)));
    match op {
        Op::Get => {
            let Some(key) = keys.get(how.by % keys.len()) else { return Reply::WithoutEffect };
            match client.get(key, how.consistency).await {
                Ok(item) => Reply::found(item, Outcome::Read),
                Err(error) => failed(error, register),
            }
        }
        Op::Put(value) => {
            let written = client.batch(puts(value).collect()).await;
            wrote(written, Outcome::Written, register)
        }
        Op::Swap { expect, value } => {
            let expect = expect.map_or(Expect::Absent, |value| Expect::Value(text(value).into()));
            let check = |key: &String| Change::Check { key: key.clone(), expect: expect.clone() };
            let written = client.batch(keys.iter().map(check).chain(puts(value)).collect()).await;
            wrote(written, Outcome::Written, register)
        }
        Op::Delete => {
            let delete = |key: &String| Change::Delete { key: key.clone() };
            match client.batch(keys.iter().map(delete).collect()).await {
                Ok(Written { changed: 0, .. }) => {
                    Reply::Known(Outcome::Deleted { existed: false }, None)
                }
                written => wrote(written, Outcome::Deleted { existed: true }, register),
            }
        }
    }
}

fn wrote(written: Result<Written, ClientError>, outcome: Outcome, register: &Register) -> Reply {
    match written {
        Ok(Written { revision, changed }) if changed == register.keys.len() as u64 => {
            Reply::Known(outcome, Some(revision))
        }
        Ok(Written { changed, .. }) => Reply::Wrong(format!(
            "{} was written by a batch of which {changed} were done",
            register.name
        )),
        Err(error) => failed(error, register),
    }
}

fn failed(error: ClientError, register: &Register) -> Reply {
    match error {
        // The first check has held: the keys differ, although they are only written together.
        ClientError::Conflict { key, .. } if register.keys.first() != Some(&key) => {
            Reply::Wrong(format!("the keys of {} differ", register.name))
        }
        error => Reply::failed(error),
    }
}

/// Reads a register by one of its keys, again and again until this time is over.
pub(crate) async fn read(
    client: &Client,
    register: &Register,
    by: usize,
    within: Duration,
) -> Result<(Option<Value>, Option<u64>), String> {
    let client = client.clone().with_timeout(within);
    let how = How { consistency: Consistency::Linearizable, by };
    match perform(&client, register, Op::Get, how).await {
        Reply::Known(Outcome::Read(value), revision) => Ok((value, revision)),
        Reply::Wrong(text) => Err(text),
        _ => Err(format!("{} cannot be read within {within:?}", register.name)),
    }
}
