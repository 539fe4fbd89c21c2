//! [`Line`]: what appears on the screens of users.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that happened on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Name of the node.
    pub node: String,
    /// What happened there.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A user came.
    Joined {
        /// Name of the user, unique on their node.
        user: String,
    },
    /// A user said something.
    Said {
        /// Who.
        user: String,
        /// What.
        text: String,
    },
    /// A user went, or lost their connection.
    Left {
        /// Name of the user.
        user: String,
    },
    /// From now on the lines of that node come here, and ours go there.
    Reached,
    /// The same is over.
    Unreachable,
    /// Lines that were lost on their way, because the reader was too slow.
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
