//! Changes of the errors of methods.

use grid::reflection::{Breaks, ServiceDescription, compare};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    let row = "a variant of an error added or removed, or another error type";
    assert_eq!(rows, [(row, Breaks::Nothing); 2]);
    table::agrees(&changes[0], 2);
    let changes = compare(&old, &changed);
    let [change] = &changes[..] else { panic!("{changes:#?}") };
    assert_eq!((&*change.path, change.breaks), ("S/a, error.Full.free", Breaks::OldCallers));
}
