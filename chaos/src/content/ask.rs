//! The argument and the answer of a call, and their checks.

use std::fmt;

use bytes::Bytes;
use grid::{Closed, InputError};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::id::CallId;

/// The argument of every method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) call: CallId,
    /// The node that is called.
    pub(crate) to: u8,
    pub(crate) wanted: Wanted,
    pub(crate) body: Bytes,
    sum: u64,
}

/// What a handler is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Items in each direction of a stream that has one.
    pub(crate) items: u32,
    pub(crate) item_bytes: u32,
    /// A pause before the answer, or between two items.
    pub(crate) pause_ms: u32,
}

impl Ask {
    pub(crate) fn new(key: Key, call: CallId, to: u8, wanted: Wanted, bytes: usize) -> Self {
        let body = key.body(&[call.0], bytes);
        let sum = sum(key, call, to, wanted, &body);
        Self { call, to, wanted, body, sum }
    }

    /// What is wrong with a request that node `own` has received from node `from`.
    pub(crate) fn check(&self, key: Key, from: Option<u8>, own: u8) -> Result<(), String> {
        if self.sum != sum(key, self.call, self.to, self.wanted, &self.body) {
            return Err("a request arrived damaged".to_owned());
        }
        if self.to != own {
            return Err(format!("a request for node{} arrived at node{own}", self.to));
        }
        let caller = self.call.caller().node;
        match from {
            Some(from) if from == caller => Ok(()),
            _ => Err(format!("a request of node{caller} arrived over the link to node {from:?}")),
        }
    }
}

fn sum(key: Key, call: CallId, to: u8, wanted: Wanted, body: &[u8]) -> u64 {
    let Wanted { items, item_bytes, pause_ms } = wanted;
    let of = [call.0, to.into(), items.into(), item_bytes.into(), pause_ms.into()];
    key.sum("ask", &of, body)
}

/// The answer of every method that has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    call: CallId,
    body: Bytes,
    sum: u64,
}

impl Answer {
    /// The right answer: the same body, under a checksum of its own.
    pub(crate) fn to(key: Key, ask: &Ask) -> Self {
        Self { call: ask.call, body: ask.body.clone(), sum: answer_sum(key, ask, &ask.body) }
    }

    /// What is wrong with an answer to this request.
    pub(crate) fn check(&self, key: Key, ask: &Ask) -> Result<(), String> {
        if self.call != ask.call {
            return Err(format!("{} was answered with the answer to {}", ask.call, self.call));
        }
        if self.body != ask.body {
            return Err(format!("{} was answered with another body", ask.call));
        }
        if self.sum != answer_sum(key, ask, &self.body) {
            return Err(format!("the answer to {} has a wrong checksum", ask.call));
        }
        Ok(())
    }
}

fn answer_sum(key: Key, ask: &Ask, body: &[u8]) -> u64 {
    key.sum("answer", &[ask.call.0, ask.to.into(), ask.sum], body)
}

/// The errors of handlers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// The error that was asked for. It is checked like an answer.
    Asked(Answer),
    Input(InputError),
    /// The caller has left.
    Left(Closed),
    /// A check of the handler has failed, which it has also reported.
    Wrong(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(answer) => write!(f, "as {} has asked", answer.call),
            Self::Input(error) => write!(f, "the input: {error}"),
            Self::Left(error) => write!(f, "the output: {error}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<Closed> for Refusal {
    fn from(error: Closed) -> Self {
        Self::Left(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Life;

    const KEY: Key = Key(5);

    fn ask(number: u64) -> Ask {
        let call = CallId::new(Life { node: 1, run: 0 }, number);
        Ask::new(KEY, call, 2, Wanted { items: 3, ..Wanted::default() }, 100)
    }

    #[test]
    fn a_right_request_and_its_answer_pass() {
        let ask = ask(1);
        assert_eq!(ask.check(KEY, Some(1), 2), Ok(()));
        assert_eq!(Answer::to(KEY, &ask).check(KEY, &ask), Ok(()));
    }

    #[test]
    fn a_damaged_request_is_noticed_whatever_is_damaged() {
        let right = ask(1);
        let mut body = right.body.to_vec();
        body[50] ^= 1;
        let other = CallId(right.call.0 ^ 1);
        let more = Wanted { items: 4, ..right.wanted };
        for damaged in [
            Ask { body: body.into(), ..right.clone() },
            Ask { call: other, ..right.clone() },
            Ask { wanted: more, ..right.clone() },
            Ask { to: 3, ..right.clone() },
        ] {
            assert_eq!(damaged.check(KEY, Some(1), 2), Err("a request arrived damaged".into()));
        }
    }

    #[test]
    fn a_request_at_the_wrong_node_or_over_the_wrong_link_is_noticed() {
        assert!(ask(1).check(KEY, Some(1), 3).unwrap_err().contains("arrived at node3"));
        assert!(ask(1).check(KEY, Some(0), 2).unwrap_err().contains("over the link"));
        assert!(ask(1).check(KEY, None, 2).unwrap_err().contains("over the link"));
    }

    #[test]
    fn a_wrong_answer_is_noticed() {
        let (ask, right) = (ask(1), Answer::to(KEY, &ask(1)));
        let swapped = Answer::to(KEY, &self::ask(2)).check(KEY, &ask);
        assert!(swapped.unwrap_err().contains("with the answer to"));
        let mut body = right.body.to_vec();
        body[99] ^= 0x80;
        let damaged = Answer { body: body.into(), ..right.clone() }.check(KEY, &ask);
        assert!(damaged.unwrap_err().contains("another body"));
        let wrong = Answer { sum: right.sum ^ 1, ..right }.check(KEY, &ask);
        assert!(wrong.unwrap_err().contains("wrong checksum"));
    }

    #[test]
    fn the_answer_of_another_node_is_noticed() {
        let (here, there) = (ask(1), Ask::new(KEY, ask(1).call, 3, ask(1).wanted, 100));
        assert!(Answer::to(KEY, &there).check(KEY, &here).is_err());
    }
}
