//! The tests and source files that tables of documents name exist.
//!
//! A document names a file by the end of its path, and tests after it: `file.rs`: `one_test`, `another_test`. A name of the
//! file alone, such as `folder/file.rs`, means all of its tests.

use std::fs;
use std::path::PathBuf;

use super::workspace;

const DOCUMENTS: [&str; 2] = ["docs/limits.md", "docs/reliability.md"];

/// A source file: its path, and its text.
type Source = (String, String);

#[test]
fn every_test_that_a_document_names_exists() {
    let sources = sources();
    for document in DOCUMENTS {
        let text = fs::read_to_string(workspace::root().join(document)).expect("a document");
        let named = named(&text);
        assert!(named.len() > 20, "{document} names only {} files", named.len());
        let missing = missing(&named, &sources);
        assert!(missing.is_empty(), "{document}: {missing:#?}");
    }
}

fn sources() -> Vec<Source> {
    let folders = [
        "grid",
        "grid-macros",
        "examples",
        "sim",
        "chaos",
        "fuzz",
        "integrations/openraft",
        "kv",
        "kv/oracle",
        "kv/chaos",
    ];
    let paths = folders.iter().flat_map(|package| {
        let folders = ["src", "tests"].map(|folder| workspace::root().join(package).join(folder));
        folders
            .into_iter()
            .filter(|folder| folder.exists())
            .flat_map(|folder| workspace::sources(&folder))
    });
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        (workspace::name(&path), text)
    };
    paths.map(read).collect()
}

/// A file that a document names, with its tests.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    file: &'a str,
    tests: Vec<&'a str>,
}

fn named(text: &str) -> Vec<Named<'_>> {
    // Each line by itself, so that a single backtick cannot turn the rest of the document inside out.
    text.lines().flat_map(named_in_line).collect()
}

fn named_in_line(line: &str) -> Vec<Named<'_>> {
    let mut all: Vec<Named<'_>> = Vec::new();
    // The text before a piece of code, and the code.
    let mut parts = line.split('`');
    let mut takes_tests = false;
    while let (Some(before), Some(code)) = (parts.next(), parts.next()) {
        if code.ends_with(".rs") && !code.contains([' ', '*']) {
            all.push(Named { file: code, tests: Vec::new() });
            takes_tests = true;
        } else if let Some(of) = all.last_mut()
            && takes_tests
            && before == (if of.tests.is_empty() { ": " } else { ", " })
            && is_name(code)
        {
            of.tests.push(code);
        } else {
            takes_tests = false;
        }
    }
    all
}

fn is_name(code: &str) -> bool {
    code.contains('_')
        && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn missing(named: &[Named<'_>], sources: &[Source]) -> Vec<String> {
    let mut missing = Vec::new();
    for Named { file, tests } in named {
        let end = format!("/{file}");
        let files = sources.iter().filter(|(path, _)| format!("/{path}").ends_with(&end));
        let texts: Vec<_> = files.map(|(_, text)| text).collect();
        if texts.is_empty() {
            missing.push(format!("no file {file}"));
            continue;
        }
        let is_missing = |test: &&&str| !texts.iter().any(|text| has_test(text, test));
        let tests = tests.iter().filter(is_missing);
        missing.extend(tests.map(|test| format!("no test {test} in {file}")));
    }
    missing
}

/// Whether a file has a test of this name: a function below an attribute that makes it one.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let begins = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().any(|(at, line)| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        begins(line)
            && attributes
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn files_and_tests_are_found_in_a_document() {
    let text = "| a | `net/x.rs`: `first_test`, `second_test`, `CONSTANT` | `y.rs`, \"a text\" |\n\
        `z.rs` and `not_a_test`, `w.rs`: `last_test` and `Type`";
    let files = |file, tests: &[&'static str]| Named { file, tests: tests.to_vec() };
    let expected = [
        files("net/x.rs", &["first_test", "second_test"]),
        files("y.rs", &[]),
        files("z.rs", &[]),
        files("w.rs", &["last_test"]),
    ];
    assert_eq!(named(text), expected);
}

#[test]
fn what_does_not_exist_is_listed() {
    let text = "#[test]\nfn one() {}\n    #[tokio::test(start_paused = true)]\n    #[ignore]\n    async fn two_a() {}\nfn helper_b() {}";
    let sources = [("grid/tests/net/x.rs".to_owned(), text.to_owned())];
    let check = |document| missing(&named(document), &sources);
    assert_eq!(check("`net/x.rs`: `two_a`; `x.rs`"), [""; 0]);
    assert_eq!(
        check("`x.rs`: `two_a`, `helper_b`, `two_`"),
        ["no test helper_b in x.rs", "no test two_ in x.rs"]
    );
    assert_eq!(check("`other/x.rs`: `two_a`"), ["no file other/x.rs"]);
    assert_eq!(check("`et/x.rs`"), ["no file et/x.rs"]);
}
