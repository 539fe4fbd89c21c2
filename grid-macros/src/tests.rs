//! Snapshot tests of the expansion of whole services.
//!
//! `tests/services/*.rs` are expanded and compared with `tests/snapshots/*.rs`.
//! `GRID_MACROS_UPDATE=1 cargo test -p grid-rpc-macros` overwrites the snapshots.

use std::fs;
use std::path::Path;

use quote::ToTokens as _;
use syn::{File, Item, Meta};

/// Expands every item of a file that has our attribute, and formats the result.
fn expand_file(source: &str) -> String {
    let file: File = syn::parse_str(source).expect("the service parses");
    let mut printed = String::new();
    for mut item in file.items {
        let attrs = match &mut item {
            Item::Trait(item) => &mut item.attrs,
            Item::Struct(item) => &mut item.attrs,
            _ => continue,
        };
        let Some(index) =
            attrs.iter().position(|attr| attr.path().segments.last().unwrap().ident == "service")
        else {
            continue;
        };
        let args = match attrs.remove(index).meta {
            Meta::List(list) => list.tokens,
            _ => Default::default(),
        };
        let expanded = crate::expand(args, item.into_token_stream());
        let expanded: File = syn::parse2(expanded).expect("the expansion parses");
        printed.push_str(&prettyplease::unparse(&expanded));
    }
    printed
}

fn check(name: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let source = fs::read_to_string(tests.join("services").join(name)).expect("the service exists");
    let expanded = expand_file(&source);
    let snapshot = tests.join("snapshots").join(name);
    if std::env::var_os("GRID_MACROS_UPDATE").is_some() {
        fs::write(&snapshot, &expanded).expect("the snapshot can be written");
        return;
    }
    let expected = fs::read_to_string(&snapshot).unwrap_or_default();
    let first = expanded.lines().zip(expected.lines()).position(|(now, before)| now != before);
    assert!(
        expanded == expected,
        "{name} differs from its snapshot at line {}:\n{expanded}",
        first.unwrap_or(expanded.lines().count().min(expected.lines().count())) + 1,
    );
}

#[test]
fn single() {
    check("single.rs");
}

#[test]
fn server_stream() {
    check("server_stream.rs");
}

#[test]
fn client_stream() {
    check("client_stream.rs");
}

#[test]
fn two_way() {
    check("two_way.rs");
}

#[test]
fn attributes() {
    check("attributes.rs");
}

#[test]
fn options() {
    check("options.rs");
}

#[test]
fn twin() {
    check("twin.rs");
}

#[test]
fn local() {
    check("local.rs");
}

#[test]
fn mistakes() {
    check("mistakes.rs");
}

/// A release of the runtime must keep every path in generated code, so all of them are in one hidden module.
#[test]
fn generated_paths_are_in_the_hidden_module() {
    for service in ["single", "server_stream", "client_stream", "two_way", "twin", "local"] {
        let snapshot = format!("{}/tests/snapshots/{service}.rs", env!("CARGO_MANIFEST_DIR"));
        let expanded = fs::read_to_string(snapshot).expect("the snapshot exists");
        let absolute =
            expanded.split([' ', '(', '<', '&', '#']).filter(|word| word.starts_with("::"));
        for path in absolute {
            assert!(path.starts_with("::grid::__private"), "{service}: {path}");
        }
    }
}

#[test]
fn types_print_as_in_source_code() {
    for ty in [
        "Vec<u8>",
        "HashMap<String, Vec<Option<(u8, [u8; 4])>>>",
        "Result<impl Stream<Item = Result<u64, Error>> + Send, Error>",
        "&'static str",
        "Page<[u8; 4], { 1 + 1 }>",
        "<A as B>::C",
        "Box<dyn Fn(u8) -> u8>",
        "::std::vec::Vec<u8>",
        "(u8,)",
        "()",
    ] {
        let parsed: syn::Type = syn::parse_str(ty).unwrap();
        assert_eq!(crate::types::text(&parsed), ty);
    }
}
