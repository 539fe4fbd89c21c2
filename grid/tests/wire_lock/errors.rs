//! Changes of the errors of methods.

use grid::CallError;
use grid::reflection::{Breaks, ServiceDescription, compare};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::NODE;
use super::table;

/// What a caller does not know of an error arrives as its text; `grid/tests/evolution.rs` calls such methods.
#[test]
fn errors_may_have_more_variants() {
    macro_rules! failing {
        ($name:ident, { $($variants:tt)* }) => {
            mod $name {
                #![allow(dead_code, reason = "only described")]
                use super::*;

                #[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
                #[error("failed")]
                pub(super) enum Failure { $($variants)* }

                #[grid::service(name = "S", schema)]
                pub(super) trait S {
                    async fn a(&self) -> Result<u8, Failure>;
                }
            }
        };
    }
    failing!(old, { Gone, Full { free: u8 } });
    failing!(new, { Full { free: u8 }, Busy { seconds: u8 } });
    failing!(changed, { Gone, Full { free: u16 } });
    let versions =
        [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR, changed::SClient::DESCRIPTOR];
    let [old, new, changed] = versions.map(ServiceDescription::of);
    let changes = compare(&old, &new);
    let rows: Vec<_> = changes.iter().map(|change| (change.row, change.breaks)).collect();
    let row = "anything in an error";
    assert_eq!(rows, [(row, Breaks::Nothing); 2]);
    table::agrees(&changes[0], 2);
    let changes = compare(&old, &changed);
    let [change] = &changes[..] else { panic!("{changes:#?}") };
    let found = (&*change.path, change.row, change.breaks);
    assert_eq!(found, ("S/a, error.Full.free", row, Breaks::Nothing));
}

/// Fields of errors have names in compact methods as well.
#[tokio::test]
async fn an_error_that_cannot_be_decoded_arrives_as_text() {
    macro_rules! failing {
        ($name:ident, { $($fields:tt)* } { $($value:tt)* }) => {
            mod $name {
                use super::*;

                #[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
                #[error("failed")]
                pub(super) struct Failure { $($fields)* }

                #[grid::service(name = "S", schema)]
                pub(super) trait S {
                    #[handler(compact)]
                    async fn a(&self) -> Result<u8, Failure>;
                }

                pub(super) struct Node;

                impl S for Node {
                    async fn a(&self) -> Result<u8, Failure> {
                        Err(Failure { $($value)* })
                    }
                }
            }
        };
    }
    failing!(old, { pub a: u16, pub b: u8 } { a: 7, b: 2 });
    failing!(new, { pub b: u8, pub a: u16 } { b: 2, a: 7 });
    failing!(other, { pub b: String } { b: String::new() });
    macro_rules! call {
        ($caller:ident, $node:ident) => {{
            let service = $node::SServer::new($node::Node);
            let node = grid::Manager::builder(NODE).service(service).build().unwrap();
            $caller::SClient::new(node.connection(NODE).unwrap()).a().await.unwrap_err()
        }};
    }
    let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR, other::SClient::DESCRIPTOR];
    let [before, after, another] = versions.map(ServiceDescription::of);
    for changes in [compare(&before, &after), compare(&before, &another)] {
        assert!(!changes.is_empty());
        assert!(changes.iter().all(|change| change.breaks == Breaks::Nothing), "{changes:#?}");
    }
    for error in [call!(old, new), call!(old, old)] {
        let CallError::Handler(old::Failure { a: 7, b: 2 }) = error else { panic!("{error:?}") };
    }
    let error = call!(old, other);
    assert!(matches!(&error, CallError::Remote(error) if error.message == "failed"), "{error:?}");
}
