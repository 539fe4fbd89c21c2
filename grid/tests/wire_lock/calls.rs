//! Services of two versions of a type, and calls between them.

use grid::reflection::{Breaks, Change};
use serde::Serialize;
use serde_json::Value;

pub(crate) const NODE: &str = "http://node1:9000";

/// One version: a service that takes and returns the type `V`, and a value of it.
macro_rules! version {
    ($name:ident, { $($items:item)* }, $value:expr, [$($option:tt)*]) => {
        mod $name {
            #![allow(unused_imports, dead_code, reason = "not all types derive and construct all")]
            use super::*;
            use crate::calls::NODE;
            use grid::Manager;

            $($items)*

            #[grid::service(name = "S", schema)]
            pub(super) trait S {
                $($option)*
                async fn take(&self, value: V) -> String;
                $($option)*
                async fn give(&self) -> V;
            }

            pub(super) struct Node;

            impl S for Node {
                async fn take(&self, value: V) -> String {
                    crate::calls::text(&value)
                }
                async fn give(&self) -> V {
                    value()
                }
            }

            pub(super) fn value() -> V {
                $value
            }

            pub(super) fn node() -> Manager {
                Manager::builder(NODE).service(SServer::new(Node)).build().unwrap()
            }
        }
    };
}

/// Whether the calls of callers of one version fail at a node of the other one, or another value is received than was sent.
macro_rules! broken {
    ($caller:ident, $node:ident) => {{
        let node = $node::node();
        let client = $caller::SClient::new(node.connection(crate::calls::NODE).unwrap());
        let (taken, given) = (client.take($caller::value()).await, client.give().await);
        let sent = crate::calls::text(&$caller::value());
        let taken = taken.is_ok_and(|received| crate::calls::is_same(&sent, &received));
        let sent = crate::calls::text(&$node::value());
        let given = given.map(|received| crate::calls::text(&received));
        let given = given.is_ok_and(|received| crate::calls::is_same(&sent, &received));
        [!taken, !given]
    }};
}

/// A value as text, which both versions have.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Whether what was received is what was sent, in all fields that both versions have. Numbers may be rounded.
pub(crate) fn is_same(sent: &str, received: &str) -> bool {
    let [sent, received] = [sent, received].map(|text| serde_json::from_str(text).unwrap());
    are_same(&sent, &received)
}

/// The JSON in a `grid::Json`, whose own text is that of its bytes.
fn inside(bytes: &[Value]) -> Option<Value> {
    let bytes: Option<Vec<_>> = bytes.iter().map(|byte| byte.as_u64()?.try_into().ok()).collect();
    let value = serde_json::from_slice(&bytes?).ok()?;
    Some(value).filter(Value::is_object)
}

fn are_same(sent: &Value, received: &Value) -> bool {
    match (sent, received) {
        (Value::Object(sent), Value::Object(received)) => {
            sent.iter().all(|(name, value)| received.get(name).is_none_or(|of| are_same(value, of)))
        }
        (Value::Array(sent), Value::Array(received)) => {
            if let (Some(sent), Some(received)) = (inside(sent), inside(received)) {
                return are_same(&sent, &received);
            }
            sent.len() == received.len()
                && sent.iter().zip(received).all(|(sent, received)| are_same(sent, received))
        }
        (Value::Number(sent), Value::Number(received)) => {
            sent.as_f64().unwrap() as f32 == received.as_f64().unwrap() as f32
        }
        _ => sent == received,
    }
}

/// Whether old and new callers of a method are broken.
pub(crate) fn found(changes: &[Change], method: &str) -> (bool, bool) {
    let of = |breaks: &[Breaks]| {
        let mut of = changes.iter().filter(|change| change.path.starts_with(method));
        of.any(|change| breaks.contains(&change.breaks))
    };
    (of(&[Breaks::OldCallers, Breaks::Both]), of(&[Breaks::NewCallers, Breaks::Both]))
}
