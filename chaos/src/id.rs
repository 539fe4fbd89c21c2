//! Names of what is checked: one run of a node's process, and one call.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One run of the process of a node. A restart begins the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) node: u8,
    pub(crate) run: u16,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node{}.{}", self.node, self.run)
    }
}

/// Bits of an id that number the calls of one process.
const COUNTER_BITS: u32 = 40;

/// A call or stream, by the process that makes it and its number there, from 0. No other call of a run has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CallId(pub(crate) u64);

impl CallId {
    pub(crate) fn new(caller: Life, number: u64) -> Self {
        debug_assert!(number < 1 << COUNTER_BITS);
        Self(
            u64::from(caller.node) << 56
                | u64::from(caller.run) << COUNTER_BITS
                | number & ((1 << COUNTER_BITS) - 1),
        )
    }

    pub(crate) fn caller(self) -> Life {
        Life { node: (self.0 >> 56) as u8, run: (self.0 >> COUNTER_BITS) as u16 }
    }

    pub(crate) fn number(self) -> u64 {
        self.0 & ((1 << COUNTER_BITS) - 1)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.caller(), self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_caller_and_number() {
        let life = Life { node: 15, run: 65_535 };
        let id = CallId::new(life, (1 << COUNTER_BITS) - 1);
        assert_eq!((id.caller(), id.number()), (life, (1 << COUNTER_BITS) - 1));
        assert_eq!(CallId::new(Life { node: 2, run: 3 }, 7).to_string(), "node2.3#7");
    }
}
