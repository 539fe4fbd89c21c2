//! What all tasks of a node share.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pulse::Pulse;
use super::reporter::Reporter;
use crate::content::Key;
use crate::id::CallId;
use crate::message::{Report, Setup, Wrong};

/// What all tasks of a node share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) setup: Setup,
    pub(super) reporter: Reporter,
    pub(super) pulse: Arc<Pulse>,
    calls: AtomicU64,
}

impl Shared {
    pub(super) fn new(setup: Setup) -> io::Result<Self> {
        let (reporter, pulse) = (Reporter::new()?, Pulse::start()?);
        Ok(Self { setup, reporter, pulse, calls: AtomicU64::new(0) })
    }

    pub(super) fn key(&self) -> Key {
        Key(self.setup.key)
    }

    /// The id of the next call of this process.
    pub(super) fn next_call(&self) -> CallId {
        CallId::new(self.setup.life, self.calls.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn node_named(&self, name: &str) -> Option<u8> {
        let index = self.setup.names.iter().position(|other| other == name)?;
        u8::try_from(index).ok()
    }

    /// Reports a check that has failed.
    pub(super) fn check(&self, call: CallId, peer: u8, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.reporter.report(&Report::Wrong(Wrong { call, peer, what }));
        }
    }
}
