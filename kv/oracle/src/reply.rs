//! [`Reply`]: what a client of `kv` returns for an operation, in the terms of a history.

use grid_kv::client::ClientError;
use grid_kv::model::Item;

use crate::history::{Outcome, Value};

/// The result of an operation.
#[derive(Debug)]
pub enum Reply {
    /// The outcome, and the revision of the write or of the value that was read.
    Known(Outcome, Option<u64>),
    /// It may take effect at any time, or never.
    Unknown,
    /// It was not done, and will not be.
    WithoutEffect,
    /// An error that no client should get.
    Wrong(String),
}

impl Reply {
    /// A value that was read, or was found instead of the expected one.
    pub fn found(item: Option<Item>, outcome: fn(Option<Value>) -> Outcome) -> Self {
        let Some(item) = item else { return Self::Known(outcome(None), None) };
        let value = std::str::from_utf8(&item.value).ok().and_then(|text| text.parse().ok());
        match value {
            Some(value) => Self::Known(outcome(Some(value)), Some(item.modified)),
            None => Self::Wrong(format!("a value that no client has written: {:?}", item.value)),
        }
    }

    /// The operation has failed.
    pub fn failed(error: ClientError) -> Self {
        match error {
            ClientError::Conflict { found, .. } => Self::found(found, Outcome::Conflict),
            ClientError::Deadline { may_have_run: false, .. } => Self::WithoutEffect,
            ClientError::Deadline { .. } | ClientError::Unknown => Self::Unknown,
            error => Self::Wrong(format!("an error that ends all attempts: {error:?}")),
        }
    }
}
