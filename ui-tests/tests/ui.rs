//! Services that must compile, and mistakes with the compiler messages that users see.
//!
//! `TRYBUILD=overwrite cargo test -p grid-ui-tests` overwrites the messages; read the diff before committing it.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*/*.rs");
}
