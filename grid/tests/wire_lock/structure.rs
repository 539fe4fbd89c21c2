//! The structure of values in the file, from schemas, and that reading it again gives the same.

use std::collections::BTreeMap;

use grid::reflection::ServiceDescription;
use grid::testing::WireLock;
use grid::{Incoming, Raw};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    zebra: String,
    #[serde(default)]
    apple: u8,
    data: Option<Vec<u8>>,
    kind: Kind,
    inner: Vec<Self>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum Kind {
    Plain,
    Size(u64),
    Named { name: String, pair: (i8, char) },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t")]
enum Event {
    Started { at: u64 },
    Stopped,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Host {
    Port(u16),
    Address(std::net::IpAddr),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
enum Failure {
    #[error("gone")]
    Gone,
}

#[grid::service(schema)]
#[allow(dead_code, reason = "only described")]
trait Store {
    #[handler(id = 1)]
    async fn put(
        &self,
        entry: Entry,
        #[default] tags: BTreeMap<String, f64>,
    ) -> Result<Entry, Failure>;
    #[handler(id = 2)]
    async fn feed(&self, input: Incoming<Event>) -> Option<Host>;
    #[handler(id = 3)]
    async fn blob(&self, data: Raw);
}

#[test]
fn the_structure_of_values_is_in_the_file() {
    let lock = WireLock::of(&[StoreClient::DESCRIPTOR]);
    let text = lock.to_string();
    assert_eq!(text, TEXT);
    let read = WireLock::parse(&text).unwrap();
    assert_eq!((read.changes(&lock), &read), (Vec::new(), &lock));
}

const TEXT: &str = "\
# What the services of this package send, for a test with `grid::testing::wire_lock!`.
# Check it in, and do not edit it: `WIRE_LOCK=update cargo test` writes it.
version 1

service Store
  method blob
    id 0x00000003
    kind single
    argument data: Raw = raw
    answer: () = nil
  method feed
    id 0x00000002
    kind client_stream
    input: Event = Event
    answer: Option<Host> = Host?
  method put
    id 0x00000001
    kind single
    argument entry: Entry = Entry
    argument tags (default): BTreeMap<String, f64> = {any: float64}
    answer: Entry = Entry
    error: Failure = Failure
  type Entry struct
    closed
    field zebra: text
    field apple (optional): uint8
    field data (optional): [uint8]?
    field kind: Kind
    field inner: [Entry]
  type Event enum tag t
    variant Started: Event.Started
    variant Stopped
  type Event.Started struct
    field at: uint64
  type Failure enum
    variant Gone
  type Host union
    or uint16
    or text(ip)
  type Kind enum
    variant Named: Kind.Named
    variant Plain
    variant Size: uint64
  type Kind.Named struct
    field name: text
    field pair: (int8, text(char))
";

/// The file of a method that takes and returns this type.
macro_rules! text {
    ($($items:item)*) => {{
        mod own {
            #![allow(dead_code, unused_imports, reason = "only described")]
            use super::*;
            $($items)*
            #[grid::service(name = "S", schema)]
            pub(super) trait S {
                #[handler(id = 1)]
                async fn a(&self, value: V) -> V;
            }
        }
        WireLock::of(&[own::SClient::DESCRIPTOR]).to_string()
    }};
}

#[test]
fn documentation_does_not_change_the_file() {
    let plain = text! {
        #[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Key { A, B }
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) enum Kind { Z(u8), Y, B }
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) struct V { kind: Kind, keys: BTreeMap<Key, u8> }
    };
    let documented = text! {
        #[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Key {
            /// First.
            A,
            B,
        }
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) enum Kind {
            Z(u8),
            Y,
            /// Last.
            B,
        }
        /// # A title
        ///
        /// A text.
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) struct V { kind: Kind, keys: BTreeMap<Key, u8> }
    };
    assert_eq!(plain, documented);
    assert!(plain.contains("    field keys: {any: uint8}\n"), "{plain}");
    assert!(plain.contains("  type V struct\n"), "{plain}");
}

#[test]
fn untagged_structs_are_no_variants_with_a_tag() {
    let untagged = text! {
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(untagged)]
        pub(super) enum V { A { a: u8 }, B { b: u8 } }
    };
    assert!(untagged.contains("  type V union\n    or V.0\n    or V.1\n"), "{untagged}");
}

#[test]
fn names_of_types_may_be_words_of_the_file() {
    let reserved = text! {
        #[allow(non_camel_case_types)]
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) struct text { a: u8 }
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub(super) struct V { a: text, b: std::num::NonZeroI32 }
    };
    assert!(
        reserved.contains("    field a: \"text\"\n    field b: nonzero(int32)\n"),
        "{reserved}"
    );
    assert_eq!(WireLock::parse(&reserved).unwrap().to_string(), reserved);
}

/// Types of two modules with the same names, which contain each other.
#[test]
fn types_of_one_name_are_numbered_once() {
    macro_rules! module {
        ($name:ident, $ty:ty) => {
            mod $name {
                use super::*;
                #[derive(Debug, Serialize, Deserialize, JsonSchema)]
                pub(super) struct Folder {
                    entries: Vec<Child>,
                }
                #[derive(Debug, Serialize, Deserialize, JsonSchema)]
                pub(super) struct Child {
                    size: $ty,
                    folder: Option<Folder>,
                }
            }
        };
    }
    module!(one, u8);
    module!(two, u16);

    #[grid::service(schema)]
    #[allow(dead_code, reason = "only described")]
    trait Store {
        async fn a(&self, value: one::Folder) -> two::Folder;
        async fn b(&self, value: two::Folder) -> one::Folder;
        async fn c(&self, value: two::Child) -> one::Child;
    }

    let mut services = [ServiceDescription::of(StoreClient::DESCRIPTOR)];
    let lock = WireLock::of_descriptions(&services);
    let text = lock.to_string();
    let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  type ")).collect();
    assert_eq!(types, ["Child struct", "Child-2 struct", "Folder struct", "Folder-2 struct"]);
    services[0].methods.reverse();
    assert_eq!(WireLock::of_descriptions(&services), lock, "the order of methods is not sent");
}
