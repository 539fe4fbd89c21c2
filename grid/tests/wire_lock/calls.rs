//! Services of two versions of a type, and calls between them.

use grid::reflection::{Breaks, Change};

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
                async fn take(&self, value: V) -> bool;
                $($option)*
                async fn give(&self) -> V;
            }

            pub(super) struct Node;

            impl S for Node {
                async fn take(&self, _: V) -> bool {
                    true
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

/// Whether the calls of callers of both versions fail at a node of the other one.
macro_rules! broken {
    ($caller:ident, $node:ident) => {{
        let node = $node::node();
        let client = $caller::SClient::new(node.connection(crate::calls::NODE).unwrap());
        [client.take($caller::value()).await.is_err(), client.give().await.is_err()]
    }};
}

/// Whether old and new callers of a method are broken.
pub(crate) fn found(changes: &[Change], method: &str) -> (bool, bool) {
    let of = |breaks: &[Breaks]| {
        let mut of = changes.iter().filter(|change| change.path.starts_with(method));
        of.any(|change| breaks.contains(&change.breaks))
    };
    (of(&[Breaks::OldCallers, Breaks::Both]), of(&[Breaks::NewCallers, Breaks::Both]))
}
