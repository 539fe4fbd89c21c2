//! Changes of methods and arguments. Each is an old and a new trait, with the row that applies.

use grid::reflection::{Breaks, Change, ServiceDescription, compare, compare_all};

use super::table;

/// The changes between two versions of a trait.
macro_rules! changes {
    ({ $($old:tt)* } { $($new:tt)* }) => {{
        mod old {
            #[grid::service(name = "S")]
            #[allow(dead_code, reason = "only described")]
            pub(super) trait S { $($old)* }
        }
        mod new {
            #[grid::service(name = "S")]
            #[allow(dead_code, reason = "only described")]
            pub(super) trait S { $($new)* }
        }
        let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
        let [old, new] = versions.map(ServiceDescription::of);
        compare(&old, &new)
    }};
}

/// Expects these rows, in the order of methods, and compares each with the guide's table.
#[track_caller]
fn expect(changes: &[Change], expected: &[(&str, Breaks)]) {
    let found: Vec<_> = changes.iter().map(|change| (change.row, change.breaks)).collect();
    assert_eq!(found, expected, "{changes:#?}");
    for change in changes {
        table::agrees(change, 1);
    }
}

#[test]
fn nothing_has_changed() {
    expect(
        &changes! {
            { /** Of old. */ async fn a(&self, x: u8) -> u8; async fn b(&self); }
            { async fn b(&self); /** Of new. */ async fn a(&self, x: u8) -> u8; }
        },
        &[],
    );
}

#[test]
fn methods_come_and_go() {
    let removed = ("a method removed or renamed", Breaks::OldCallers);
    let added = ("a method added", Breaks::Nothing);
    expect(
        &changes! { { async fn a(&self); } { async fn a(&self); async fn b(&self); } },
        &[added],
    );
    expect(
        &changes! { { async fn a(&self); async fn b(&self); } { async fn a(&self); } },
        &[removed],
    );
    let renamed = changes! { { async fn a(&self, x: u8); } { async fn b(&self, x: u8); } };
    let advice = "if `b` is its new name, write `#[handler(name = \"a\")]` before it";
    assert_eq!((&*renamed[0].advice, renamed[0].breaks), (advice, Breaks::OldCallers));
    expect(&renamed[1..], &[added]);
    expect(&changes! { { async fn a(&self); } { #[handler(name = "a")] async fn b(&self); } }, &[]);
    let same_id = changes! {
        { #[handler(id = 9)] async fn a(&self); } { #[handler(id = 9)] async fn b(&self); }
    };
    let renamed = ("a method renamed, with the same pinned id", Breaks::Nothing);
    expect(&same_id, &[renamed]);
    // It is compared like any other.
    let changed = changes! {
        { #[handler(id = 9)] async fn a(&self, x: u32, y: u8); }
        { #[handler(id = 9)] async fn b(&self, x: u8, z: u8); }
    };
    let argument = ("an argument renamed, where there are at least two", Breaks::Both);
    assert_eq!((changed[0].row, changed[0].breaks), renamed);
    assert_eq!((changed[1].row, changed[1].breaks), argument);
    assert_eq!((&*changed[2].path, changed[2].breaks), ("S/b, argument x", Breaks::OldCallers));
}

#[test]
fn a_method_becomes_another() {
    expect(
        &changes! { { async fn a(&self); } { #[handler(id = 9)] async fn a(&self); } },
        &[("another id", Breaks::Both)],
    );
    expect(
        &changes! {
            { async fn a(&self) -> Vec<u8>; } { async fn a(&self, out: grid::Outgoing<u8>); }
        },
        &[("another kind", Breaks::Both)],
    );
    expect(
        &changes! { { async fn a(&self); } { #[handler(compact)] async fn a(&self); } },
        &[("`compact` turned on or off", Breaks::Nothing)],
    );
    let fallible = "a method that could not fail returns a `Result`, or the reverse";
    expect(
        &changes! {
            { async fn a(&self) -> u8; } { async fn a(&self) -> Result<u8, grid::RemoteError>; }
        },
        &[(fallible, Breaks::Nothing)],
    );
}

#[test]
fn options_of_a_method() {
    let options = |changes: Vec<Change>, row, breaks| expect(&changes, &[(row, breaks)]);
    options(
        changes! { { #[handler(idempotent)] async fn a(&self); } { async fn a(&self); } },
        "`idempotent` removed",
        Breaks::OldCallers,
    );
    options(
        changes! { { async fn a(&self); } { #[handler(idempotent)] async fn a(&self); } },
        "`idempotent` added",
        Breaks::Nothing,
    );
    options(
        changes! {
            { #[handler(request_bytes_max = 99)] async fn a(&self, x: u8); }
            { #[handler(request_bytes_max = 98)] async fn a(&self, x: u8); }
        },
        "`request_bytes_max` lowered or added",
        Breaks::OldCallers,
    );
    options(
        changes! {
            { #[handler(request_bytes_max = 99)] async fn a(&self, x: u8); }
            { async fn a(&self, x: u8); }
        },
        "`request_bytes_max` raised or removed",
        Breaks::NewCallers,
    );
    options(
        changes! { { async fn a(&self); } { #[handler(timeout = "1s")] async fn a(&self); } },
        "another timeout or capacity, `inline` or `blocking`",
        Breaks::Nothing,
    );
}

#[test]
fn arguments_of_none_or_several() {
    let optional =
        "an `Option` or `#[default]` argument added, where there are none or at least two";
    let required = "another argument added, where there are none or at least two";
    expect(
        &changes! {
            { async fn a(&self, x: u8, y: u8); }
            { async fn a(&self, x: u8, z: Option<u8>, y: u8, #[default] t: u8); }
        },
        &[(optional, Breaks::Nothing), (optional, Breaks::Nothing)],
    );
    expect(
        &changes! {
            { async fn a(&self); async fn b(&self); }
            { async fn a(&self, x: Option<u8>); async fn b(&self, x: u8, y: Option<u8>); }
        },
        &[(optional, Breaks::Nothing), (required, Breaks::OldCallers), (optional, Breaks::Nothing)],
    );
    expect(
        &changes! { { async fn a(&self, x: u8, y: u8); } { async fn a(&self, x: u8, y: u8, z: u8); } },
        &[(required, Breaks::OldCallers)],
    );
    expect(
        &changes! {
            { async fn a(&self, x: u8, y: u8, z: u8, t: Option<u8>); } { async fn a(&self, x: u8, y: u8); }
        },
        &[
            ("another argument removed", Breaks::NewCallers),
            ("an `Option` or `#[default]` argument removed", Breaks::Nothing),
        ],
    );
    expect(
        &changes! { { async fn a(&self, x: u8, y: u8); } { async fn a(&self, x: u8, z: u8); } },
        &[("an argument renamed, where there are at least two", Breaks::Both)],
    );
    expect(
        &changes! {
            { async fn a(&self, x: u8, #[default] y: u8); } { async fn a(&self, x: u8, y: u8); }
        },
        &[("`#[default]` removed from an argument", Breaks::Nothing)],
    );
}

#[test]
fn a_single_argument_and_their_order() {
    expect(
        &changes! { { async fn a(&self, x: u8); } { async fn a(&self, x: u8, y: Option<u8>); } },
        &[("an argument added to a single one, or all but one removed", Breaks::Both)],
    );
    expect(
        &changes! { { async fn a(&self, x: u8); } { async fn a(&self, y: u8); } },
        &[("the name of a type, or of a single argument", Breaks::Nothing)],
    );
    expect(
        &changes! { { async fn a(&self, x: u8, y: u8); } { async fn a(&self, y: u8, x: u8); } },
        &[("arguments reordered", Breaks::Nothing)],
    );
    expect(
        &changes! {
            { #[handler(compact)] async fn a(&self, x: u8, y: u8); }
            { #[handler(compact)] async fn a(&self, y: u8, x: u8); }
        },
        &[("arguments reordered in a compact method", Breaks::Both)],
    );
}

/// Towards the version that is not compact, names count.
#[test]
fn arguments_of_compact_methods() {
    let layout = ("`compact` turned on or off", Breaks::Nothing);
    expect(
        &changes! {
            { #[handler(compact)] async fn a(&self, x: u8, y: u8); }
            { #[handler(compact)] async fn a(&self, x: u8, z: u8); }
        },
        &[("an argument renamed in a compact method", Breaks::Nothing)],
    );
    expect(
        &changes! {
            { async fn a(&self, x: u8, y: u8); }
            { #[handler(compact)] async fn a(&self, x: u8, z: u8); }
        },
        &[layout, ("an argument renamed, where there are at least two", Breaks::Both)],
    );
    expect(
        &changes! {
            { #[handler(compact)] async fn a(&self, x: u8, y: u8); }
            { async fn a(&self, y: u8, x: u8); }
        },
        &[layout, ("arguments reordered in a compact method", Breaks::Both)],
    );
}

/// A caller of the version that is not compact sends names, of which the other one does not know all.
#[tokio::test]
async fn calls_from_names_to_positions() {
    mod old {
        #[grid::service(name = "S")]
        pub(super) trait S {
            async fn a(&self, x: u8, y: u8) -> u8;
        }
    }
    mod new {
        #[grid::service(name = "S")]
        pub(super) trait S {
            #[handler(compact)]
            async fn a(&self, x: u8, z: u8) -> u8;
        }
    }
    struct Node;
    impl new::S for Node {
        async fn a(&self, x: u8, z: u8) -> u8 {
            x + z
        }
    }
    let name = "http://node1:9000";
    let node = grid::Manager::builder(name).service(new::SServer::new(Node)).build().unwrap();
    assert_eq!(new::SClient::new(node.connection(name).unwrap()).a(1, 2).await.unwrap(), 3);
    assert!(old::SClient::new(node.connection(name).unwrap()).a(1, 2).await.is_err());
}

/// Without schemas, types that everybody knows are compared, and others are equal or unknown.
#[test]
fn types_as_written() {
    let types = |changes: Vec<Change>, row: &str, breaks| {
        let found: Vec<_> = changes.iter().map(|change| (change.row, change.breaks)).collect();
        assert_eq!(found, [(row, breaks)], "{changes:#?}");
    };
    types(
        changes! { { async fn a(&self, x: u32); } { async fn a(&self, x: u64); } },
        "a number made wider",
        Breaks::NewCallers,
    );
    types(
        changes! { { async fn a(&self) -> Result<u32, String>; } { async fn a(&self) -> Result<u64, String>; } },
        "a number made wider",
        Breaks::OldCallers,
    );
    types(
        changes! { { async fn a(&self) -> Vec<u8>; } { async fn a(&self) -> bytes::Bytes; } },
        "another type, of which not enough is known",
        Breaks::Both,
    );
    types(
        changes! {
            { async fn a(&self) -> impl grid::Stream<Item = u8> + Send; }
            { async fn a(&self) -> grid::BoxStream<u16>; }
        },
        "a number made wider",
        Breaks::OldCallers,
    );
    let pushed = changes! {
        { async fn a(&self, out: grid::Outgoing<u8>) -> Result<(), grid::RemoteError>; }
        { async fn a(&self) -> Result<impl grid::Stream<Item = u8> + Send, grid::RemoteError>; }
    };
    assert_eq!(pushed, []);
}

#[test]
fn a_subroute_is_another_address() {
    #[grid::service]
    #[allow(dead_code, reason = "only described")]
    trait S {
        async fn a(&self);
    }
    let old = ServiceDescription::of(SClient::DESCRIPTOR);
    let mut new = old.clone();
    new.subroute = Some("disk0".to_owned());
    expect(&compare(&old, &new), &[("another subroute", Breaks::Both)]);
    // In a list, the new one is another service, and the old one may stay.
    let versions = [[old.clone()].to_vec(), vec![old, new]];
    let added = ("a service added", Breaks::Nothing);
    expect(&compare_all(&versions[0], &versions[1]), &[added]);
    let removed = ("a service removed", Breaks::OldCallers);
    expect(&compare_all(&versions[1], &versions[0]), &[removed]);
    let mut renamed = versions[0][0].clone();
    renamed.name = "T".to_owned();
    expect(&compare(&versions[0][0], &renamed), &[("a service renamed", Breaks::Both)]);
}
