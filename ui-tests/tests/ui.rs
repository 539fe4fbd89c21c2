//! What compiles and what does not, with the messages that users see.
//!
//! `TRYBUILD=overwrite cargo test -p grid-ui-tests` writes the messages anew; read the difference before it is committed.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*/*.rs");
}
