//! Something that must not be: what, where, when, and what was going on.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::id::CallId;

/// Something that must not be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Violation {
    /// Since the start of the run.
    pub(super) at: Duration,
    pub(super) what: String,
    /// The node that noticed or is concerned, and its peer.
    pub(super) nodes: Vec<u8>,
    pub(super) call: Option<CallId>,
    /// The faults in force at these nodes.
    pub(super) faults: String,
    /// The last lines that these nodes have logged.
    pub(super) logs: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, nodes, call, faults, logs } = self;
        write!(f, "violation after {:.3} s", at.as_secs_f64())?;
        if let Some(call) = call {
            write!(f, ", call {call}")?;
        }
        for node in nodes {
            write!(f, ", node{node}")?;
        }
        write!(f, ": {what}\n  faults in force: {faults}")?;
        for line in logs {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}
