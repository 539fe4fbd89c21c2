//! The commands that write.

use std::io::Read as _;

use bytes::Bytes;
use clap::{Args, Subcommand};
use grid_kv::client::{ClientError, Written};
use grid_kv::model::{Expect, Op, VALUE_BYTES_MAX};

use crate::client::{Role, Target};
use crate::exit::Failure;
use crate::output::line;

/// Writes a key.
#[derive(Args)]
pub(crate) struct Put {
    #[command(flatten)]
    target: Target,
    key: String,
    /// The value; `-` reads it from the standard input
    value: String,
}

impl Put {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        report(client.put(self.key, value(self.value)?).await?)
    }
}

/// Writes or deletes a key if it is as expected.
#[derive(Args)]
pub(crate) struct Cas {
    #[command(flatten)]
    target: Target,
    key: String,
    #[command(flatten)]
    expected: Expected,
    /// The new value; `-` reads it from the standard input
    #[arg(required_unless_present = "delete")]
    value: Option<String>,
    /// Deletes the key
    #[arg(long, conflicts_with = "value")]
    delete: bool,
}

/// What the key must be.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Expected {
    /// Expects that there is no such key
    #[arg(long)]
    absent: bool,
    /// Expects that this revision wrote it
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Expects this value
    #[arg(long, value_name = "VALUE")]
    expect: Option<String>,
}

impl Cas {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        let expect = match self.expected {
            Expected { revision: Some(revision), .. } => Expect::Revision(revision),
            Expected { expect: Some(value), .. } => Expect::Value(value.into()),
            Expected { .. } => Expect::Absent,
        };
        let value = self.value.map(value).transpose()?;
        report(client.compare_and_swap(self.key, expect, value).await?)
    }
}

/// Deletes keys.
#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    target: Target,
    /// All of them are deleted, or none
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        let count = self.keys.len();
        let ops = self.keys.into_iter().map(|key| Op::Delete { key }).collect();
        match client.batch(ops).await? {
            Written { changed: 0, .. } => Err(Failure::No(match count {
                1 => "there is no such key".into(),
                _ => "there are no such keys".into(),
            })),
            written => report(written),
        }
    }
}

/// Adds and removes members.
#[derive(Subcommand)]
pub(crate) enum Members {
    /// Adds a node, which must be running with an `id`. Returns when it has a vote
    Add {
        #[command(flatten)]
        target: Target,
        /// Its id, which no other node has or had
        id: u64,
        /// Its name
        #[arg(value_name = "URL")]
        name: String,
    },
    /// Removes a member. It can be stopped after that
    Remove {
        #[command(flatten)]
        target: Target,
        /// Its id, which is not to be used again
        id: u64,
    },
}

impl Members {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (target, id, name) = match self {
            Self::Add { target, id, name } => (target, id, Some(name)),
            Self::Remove { target, id } => (target, id, None),
        };
        let (client, _) = target.client(Role::Operator)?;
        client.change_member(id, name.clone()).await.map_err(change_failed)?;
        Ok(line(match name {
            Some(name) => format!("{name} is member {id}"),
            None => format!("{id} is no member any more"),
        })?)
    }
}

/// There is no key to read.
fn change_failed(error: ClientError) -> Failure {
    match error {
        ClientError::Deadline { may_have_run: true, .. } => {
            Failure::Unknown(format!("{error}; look with `kv status` whether it was done"))
        }
        error => error.into(),
    }
}

fn report(written: Written) -> Result<(), Failure> {
    Ok(line(format!("revision {}", written.revision))?)
}

/// A value that was given, or is read.
fn value(given: String) -> Result<Bytes, Failure> {
    if given != "-" {
        return Ok(given.into());
    }
    let mut read = Vec::new();
    // One byte more than is permitted, so that the refusal says so.
    std::io::stdin().take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut read)?;
    Ok(read.into())
}
