//! docs/guide/troubleshooting.md explains every line that is logged at `info` and above, and every error.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::fs;
use std::path::{Path, PathBuf};

/// What begins a line of the log. `log_at!` is the macro of net/node/report.rs.
const LOGGED: [&str; 4] = ["log!(info,", "log!(warn,", "log!(error,", "log_at!("];

/// What begins the text of an error.
const ERROR: &str = "#[error(";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The chapter in one line, because its tables and paragraphs may wrap.
fn chapter() -> String {
    let chapter = fs::read_to_string(root().join("../docs/guide/troubleshooting.md")).unwrap();
    chapter.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sources of the library, without tests, and without comments on lines of their own.
fn sources() -> Vec<String> {
    let (mut folders, mut sources) = (vec![root().join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(path).unwrap();
                let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                sources.push(code.lines().filter(is_code).collect::<Vec<_>>().join("\n"));
            }
        }
    }
    assert!(sources.len() > 100, "{}", sources.len());
    sources
}

/// The string literals from here to the closing parenthesis.
fn literals(code: &str) -> Vec<String> {
    let (mut literals, mut depth) = (Vec::new(), 1);
    let mut chars = code.chars().peekable();
    while depth > 0 {
        match chars.next().expect("a closing parenthesis") {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => {
                let mut literal = String::new();
                loop {
                    match chars.next().expect("a closing quote") {
                        '"' => break,
                        '\\' => match chars.next().unwrap() {
                            // The literal continues at the first character of the next line.
                            '\n' => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                            escaped => literal.push(escaped),
                        },
                        c => literal.push(c),
                    }
                }
                literals.push(literal);
            }
            _ => {}
        }
    }
    literals
}

/// A text with an ellipsis for everything that is filled in.
fn shape(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |shape, part| shape + "…" + part.split_once('}').unwrap().1)
}

/// The shapes of all texts that begin with one of these markers; `choose` takes one of the literals of each.
fn shapes(markers: &[&str], choose: impl Fn(Vec<String>) -> Option<String>) -> Vec<String> {
    let mut shapes = Vec::new();
    for source in sources() {
        for marker in markers {
            for (position, _) in source.match_indices(marker) {
                let literals = literals(&source[position + marker.len()..]);
                shapes.extend(choose(literals).map(|text| shape(&text)));
            }
        }
    }
    // A text that is filled in as a whole belongs to a variant, whose name is checked.
    shapes.retain(|shape| shape.contains(char::is_alphabetic));
    shapes.sort();
    shapes.dedup();
    shapes
}

#[track_caller]
fn assert_explained(texts: &[String], least: usize) {
    assert!(texts.len() >= least, "found too few: {texts:#?}");
    let chapter = chapter();
    let missing: Vec<_> = texts.iter().filter(|text| !chapter.contains(*text)).collect();
    assert!(missing.is_empty(), "docs/guide/troubleshooting.md does not explain: {missing:#?}");
}

#[test]
fn every_line_of_the_log_is_explained() {
    // Fields come before the message, and what is filled in is no literal.
    assert_explained(&shapes(&LOGGED, |mut literals| literals.pop()), 18);
}

#[test]
fn the_text_of_every_error_is_explained() {
    let first = |literals: Vec<String>| literals.into_iter().next();
    assert_explained(&shapes(&[ERROR], first), 80);
}

/// The names of the variants of public enums with texts of errors, such as `LinkError::Closed`.
fn variants() -> Vec<String> {
    let mut variants = Vec::new();
    for source in sources() {
        for block in source.split("thiserror::Error)]").skip(1) {
            let Some((_, declared)) = block.split_once("\npub enum ") else { continue };
            // The next item would be another one.
            let attributes = block.len() - declared.len() - "\npub enum ".len();
            if block[..attributes].lines().any(|line| !line.is_empty() && !line.starts_with("#[")) {
                continue;
            }
            let name: String = declared.chars().take_while(|c| c.is_alphanumeric()).collect();
            let body = declared.split("\n}").next().unwrap();
            let is_variant = |line: &&str| {
                line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase())
            };
            for line in body.lines().skip(1).filter(is_variant) {
                let variant: String =
                    line.trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
                variants.push(format!("`{name}::{variant}`"));
            }
        }
    }
    variants.sort();
    variants
}

#[test]
fn every_variant_of_a_public_error_is_explained() {
    let variants = variants();
    assert!(variants.contains(&"`LinkError::NotDialed`".to_owned()), "{variants:#?}");
    assert!(variants.contains(&"`CallError::Handler`".to_owned()), "{variants:#?}");
    assert_explained(&variants, 50);
}

#[test]
fn texts_are_found_in_code() {
    let code = r#"("a \"b\" {c}, \
        (d)", x = y("z")), "not this""#;
    assert_eq!(literals(&code[1..]), ["a \"b\" {c}, (d)", "z"]);
    assert_eq!(shape("{a} and {b:?}: c"), "… and …: c");
}
