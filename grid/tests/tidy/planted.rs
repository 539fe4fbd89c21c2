//! Tests of the search: small crates with circles, which must be found, and without.

use std::path::Path;

use super::circles::{circles, describe};
use super::imports::imports;

/// Describes the circles of a crate. Files are below `src/`, and the first is the crate's root.
fn search(files: &[(&str, &str)]) -> Vec<String> {
    let path = |name: &str| Path::new("src").join(name);
    let read = |wanted: &Path| {
        let found = files.iter().find(|(name, _)| path(name) == wanted);
        found.map(|(_, text)| (*text).to_owned())
    };
    let imports = imports(&path(files[0].0), &read);
    let name = |path: &Path| path.strip_prefix("src").expect("below src").display().to_string();
    circles(&imports).iter().map(|circle| describe(circle, &imports, name)).collect()
}

/// Describes the circle of a crate in which file `a` contains `text`, and file `b` takes an `A` from `a`. `b` defines
/// `B`, `b()`, an enum `E` and a macro.
fn from_a_to_b(text: &str) -> Vec<String> {
    let b = "use crate::a::A; pub struct B; pub fn b() {} pub enum E { Variant }
        macro_rules! mac { () => {}; } pub(crate) use mac;
        pub mod inner { pub struct Inner; }";
    let a = format!("{text} pub struct A;");
    search(&[("lib.rs", "mod a; mod b;"), ("a.rs", &a), ("b.rs", b)])
}

#[test]
fn a_circle_is_refused_and_its_names_are_listed() {
    let found = search(&[
        ("lib.rs", "mod left; mod right; mod outside;"),
        ("left.rs", "use crate::right::{Right, other as renamed}; pub struct Left;"),
        ("right.rs", "pub struct Right(super::left::Left); pub fn other() {}"),
        ("outside.rs", "use crate::left::Left;"),
    ]);
    let expected = "2 files import each other:\n  \
        left.rs takes Right, other from right.rs\n  \
        right.rs takes Left from left.rs\n";
    assert_eq!(found, [expected]);
}

#[test]
fn what_the_macro_of_services_defines_is_found() {
    let found = search(&[
        ("lib.rs", "mod service; mod status;"),
        (
            "service.rs",
            "use super::status::Status; #[grid_macros::service(name = \"x\")] trait Admin {}",
        ),
        ("status.rs", "pub struct Status; use super::service::AdminClient;"),
    ]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("status.rs takes AdminClient from service.rs"), "{found:?}");
}

#[test]
fn every_form_of_path_is_an_import() {
    for text in [
        "use crate::b::B;",
        "use super::b::B;",
        "use super::{b::{B as C, b}};",
        "use super::b::*;",
        "use super::b::E::Variant;",
        "use crate::b as other; fn f() { other::b() }",
        "use super::*; fn f() { b::b() }",
        "fn f() { use super::b::b; b() }",
        "fn f() { super::b::b() }",
        "fn f() { super::b::B::new(); }",
        "fn f(_: Option<&mut crate::b::B>) {}",
        "fn f() -> impl Fn(crate::b::B) { |_| () }",
        "impl From<super::b::B> for A { fn from(_: super::b::B) -> Self { A } }",
        "impl A { fn f() { if let super::b::E::Variant = x {} } }",
        "fn f() { super::b::mac!() }",
        "use super::b::mac;",
        "fn f() { assert!(matches!(x, crate::b::E::Variant)) }",
        "macro_rules! m { ($x:ident) => { $crate::b::B::$x() }; }",
        "#[derive(super::b::B)] struct S;",
        "use super::b::inner::Inner;",
        "mod deep { fn f() { super::super::b::b() } }",
        "mod deep { pub(in super::super) struct S(super::super::b::B); }",
    ] {
        let found = from_a_to_b(text);
        assert_eq!(found.len(), 1, "not refused: {text}");
        assert!(found[0].contains("b.rs takes A from a.rs"), "{text}: {found:?}");
    }
}

#[test]
fn code_that_takes_no_name_is_not_an_import() {
    for text in [
        "",
        "use crate::b;",
        "pub use super::b::B;",
        "pub(crate) use super::b::*;",
        "/// See [`B`](crate::b::B).\nfn f() {}",
        "use ::b::B; fn f() { ::b::b() }",
        "use std::b::B;",
        "pub(in crate::b) fn f() {}",
        "#[cfg(test)] use super::b::B;",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(all(test, unix))] fn f() { super::b::b() }",
        "impl A { #[cfg(test)] fn f() { super::b::b() } }",
        "fn f() { quote!(crate::b::B) }",
        "fn f() { assert!(::b::b(), \"crate::b::B\") }",
        "mod b { pub fn b() {} } fn f() { b::b() }",
    ] {
        assert_eq!(from_a_to_b(text), [""; 0], "refused: {text}");
    }
}

#[test]
fn reexports_are_followed_to_the_definition() {
    let facade = "mod one; mod two; pub use one::One; pub use two::*; pub struct Shared;";
    let innocent = search(&[
        ("lib.rs", "mod facade; pub use facade::{One, Two};"),
        ("facade/mod.rs", facade),
        ("facade/one.rs", "use super::{Shared, Two}; pub struct One(Shared, Two);"),
        ("facade/two.rs", "use crate::facade::Shared; pub struct Two(Shared);"),
    ]);
    assert_eq!(innocent, [""; 0]);

    let through_the_facade = search(&[
        ("lib.rs", "mod facade; pub use facade::{One, Two};"),
        ("facade/mod.rs", facade),
        ("facade/one.rs", "use super::{Shared, Two}; pub struct One(Shared, Two);"),
        ("facade/two.rs", "pub struct Two; fn f(_: &crate::One) {}"),
    ]);
    let expected = "2 files import each other:\n  \
        facade/one.rs takes Two from facade/two.rs\n  \
        facade/two.rs takes One from facade/one.rs\n";
    assert_eq!(through_the_facade, [expected]);
}

#[test]
fn a_facade_that_uses_what_it_reexports_is_in_a_circle_with_users_of_its_own_types() {
    let found = search(&[
        ("lib.rs", "mod facade;"),
        ("facade.rs", "mod child; pub use child::Child; pub struct Shared(Child);"),
        ("facade/child.rs", "pub struct Child; fn f(_: super::Shared) {}"),
    ]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("facade.rs takes Child from facade/child.rs"), "{found:?}");
}

#[test]
fn longer_circles_and_several_of_them_are_found() {
    let found = search(&[
        ("main.rs", "mod a; mod b; mod c; mod d; mod e; mod call; fn main() { a::a() }"),
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { crate::c::c() }"),
        ("c.rs", "pub fn c() { crate::a::a() }"),
        ("d.rs", "use crate::e::E; pub struct D;"),
        ("e.rs", "use crate::d::D; pub use crate::call::call; pub struct E;"),
        ("call.rs", "pub fn call() { crate::a::a() }"),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("3 files"), "{found:?}");
    assert!(found[1].starts_with("2 files"), "{found:?}");
}

#[test]
fn modules_are_found_in_every_layout() {
    let found = search(&[
        (
            "lib.rs",
            "mod flat; #[path = \"elsewhere/other.rs\"] mod named; mod inline { mod below; }",
        ),
        ("flat.rs", "mod child;"),
        ("flat/child/mod.rs", "use crate::named::Named; pub struct Child;"),
        ("elsewhere/other.rs", "mod beside; pub struct Named(beside::Beside);"),
        ("elsewhere/beside.rs", "pub struct Beside(crate::inline::below::Below);"),
        ("inline/below.rs", "pub struct Below(crate::flat::child::Child);"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("4 files"), "{found:?}");
}

#[test]
#[should_panic(expected = "src/missing/mod.rs is missing")]
fn a_module_without_a_file_is_an_error() {
    let files: &[(&str, &str)] = &[("lib.rs", "mod missing;")];
    search(files);
}
