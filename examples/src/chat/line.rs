//! [`Line`]: one line of the chat as users see it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The node's name.
    pub node: String,
    /// The event.
    pub what: What,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum What {
    /// A user joined.
    Joined {
        /// The user's name, unique on their node.
        user: String,
    },
    /// A user said something.
    Said {
        /// The user's name.
        user: String,
        /// The text.
        text: String,
    },
    /// A user left or lost their connection.
    Left {
        /// The user's name.
        user: String,
    },
    /// The node is connected: each side now receives the other's lines.
    Reached,
    /// The node is not connected any more.
    Unreachable,
    /// Number of lines that were dropped because the reader was too slow.
    Missed(u64),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, what } = self;
        match what {
            What::Joined { user } => write!(f, "* {user}@{node} has joined"),
            What::Said { user, text } => write!(f, "{user}@{node}: {text}"),
            What::Left { user } => write!(f, "* {user}@{node} has left"),
            What::Reached => write!(f, "* {node} is connected"),
            What::Unreachable => write!(f, "* {node} is not connected any more"),
            What::Missed(count) => write!(f, "* {node} missed {count} lines"),
        }
    }
}
