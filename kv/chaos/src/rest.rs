//! [`Rest`]: what is left of a register when its history has been judged, and the audit of that at the end of a run.

use std::time::Duration;

use grid_kv::client::Client;
use grid_kv_oracle::history::{Call, Op, Outcome, Value};
use grid_kv_oracle::{Verdict, check};

use crate::operation::{AUDITOR, Register, read};

/// What is left of a register when its history has been judged.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) register: Register,
    /// What was read last.
    last: Option<Value>,
    unknown: Vec<Call>,
}

/// What an audit has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) is_lost: bool,
}

impl Rest {
    /// What is left of these calls.
    pub(crate) fn new(calls: &[Call], register: Register, last: Option<Value>) -> Self {
        let is_unknown =
            |call: &&Call| call.key == register.name && call.op != Op::Get && !call.is_known();
        let unknown = calls.iter().filter(is_unknown).cloned().collect();
        Self { register, last, unknown }
    }

    /// Reads the register again.
    pub(crate) async fn audit(self, client: &Client, patience: Duration) -> Result<(), Found> {
        let mut history = self.history();
        let register = &self.register;
        for by in 0..register.keys.len() {
            let (value, _) = read(client, register, by, patience)
                .await
                .map_err(|text| Found { text, is_lost: false })?;
            history.push(self.call(Op::Get, Outcome::Read(value), history.len()));
        }
        match check(&history) {
            Verdict::Linearizable => Ok(()),
            verdict => Err(Found {
                text: format!(
                    "{} has changed since its history was judged, {verdict:?}:\n{}",
                    register.name,
                    history.iter().map(Call::to_string).collect::<Vec<_>>().join("\n")
                ),
                is_lost: true,
            }),
        }
    }

    /// A history with the same end.
    fn history(&self) -> Vec<Call> {
        let mut history = Vec::new();
        if let Some(value) = self.last {
            history.push(self.call(Op::Put(value), Outcome::Written, 0));
        }
        for call in &self.unknown {
            let began = 2 * history.len() as u64 + 1;
            history.push(Call { began, ended: None, ..call.clone() });
        }
        history
    }

    /// The call that follows `calls` others in a history.
    fn call(&self, op: Op, outcome: Outcome, calls: usize) -> Call {
        let began = 2 * calls as u64 + 1;
        Call {
            client: AUDITOR,
            key: self.register.name.clone(),
            op,
            outcome,
            revision: None,
            began,
            ended: Some(began + 1),
            times: (Duration::ZERO, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The history of a register that had the value 1, which a write with an unknown outcome may have replaced.
    fn rest() -> Rest {
        let register = Register { name: "0/a".to_owned(), keys: vec!["0/a".to_owned()] };
        let mut rest = Rest { register, last: Some(1), unknown: Vec::new() };
        let unknown = rest.call(Op::Put(2), Outcome::Unknown, 0);
        rest.unknown.push(Call { ended: None, ..unknown });
        rest
    }

    #[test]
    fn a_register_may_have_changed_by_an_unknown_write_only() {
        let verdict = |value| {
            let (rest, mut history) = (rest(), rest().history());
            history.push(rest.call(Op::Get, Outcome::Read(value), history.len()));
            check(&history)
        };
        assert_eq!(verdict(Some(1)), Verdict::Linearizable);
        assert_eq!(verdict(Some(2)), Verdict::Linearizable);
        assert_eq!(verdict(Some(3)), Verdict::Violated);
        assert_eq!(verdict(None), Verdict::Violated);
    }
}
