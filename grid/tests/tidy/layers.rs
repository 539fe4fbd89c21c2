//! The layers, as a test: arrows point downward only, `rpc/` → `net/` → `proto/`.

use std::fs;

use super::workspace;

/// A layer and what its code must not name.
struct Rule {
    /// A folder or file of `grid/src/`, or several.
    places: &'static [&'static str],
    /// Files and folders to which the rule does not apply.
    except: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

const fn rule(
    places: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
) -> Rule {
    Rule { places, except: &[], words, reason }
}

const PROTO: &[&str] = &["proto"];
const NET: &[&str] = &["net"];
const RPC: &[&str] = &["rpc"];

const RULES: &[Rule] = &[
    rule(PROTO, &["tokio", "tungstenite"], "the core does not depend on a runtime or on sockets"),
    rule(PROTO, &["crate::net", "crate::rpc"], "the core is below the tokio layer"),
    rule(
        &["error"],
        &["crate::proto", "crate::net", "crate::rpc", "crate::Config"],
        "errors are below all layers, which make and carry them",
    ),
    Rule {
        places: PROTO,
        // It needs an arbitrary origin.
        except: &["proto/simulation"],
        words: &["Instant::now", "SystemTime::now"],
        reason: "time enters the core as an argument",
    },
    rule(PROTO, &["Mutex", "RwLock", "async fn", ".await"], "the core neither locks nor waits"),
    rule(PROTO, &["tracing::", "println!"], "the core returns facts instead of logging them"),
    rule(
        &["proto", "net"],
        &["use crate::{"],
        "write a separate `use` for each path outside of the layer, so that this test can check it",
    ),
    rule(NET, &["crate::rpc"], "the tokio layer is below the typed one"),
    rule(
        &["net/transport"],
        &["net::link", "net::call", "net::serve", "net::drive", "net::node"],
        "a transport carries messages, whatever they mean",
    ),
    rule(
        &["net/link"],
        &["net::call", "net::serve", "net::drive", "net::node"],
        "a link knows neither its callers nor its handlers",
    ),
    rule(&["net/call"], &["net::serve", "net::drive", "net::node"], "a call knows its link only"),
    rule(&["net/serve"], &["net::drive", "net::node"], "handlers are below what drives them"),
    rule(&["net/drive"], &["net::node"], "the task of a link knows no node"),
    rule(NET, &["rmp_serde", "serde_json"], "payloads are opaque below the typed layer"),
    Rule {
        places: &[""],
        except: &["testing"],
        words: &["crate::testing"],
        reason: "what is for tests is above everything that they test",
    },
    rule(RPC, &["crate::proto", "tungstenite"], "the typed layer uses net only"),
    rule(&["sync"], &["crate::"], "what is below all layers uses none of them"),
    Rule {
        places: &[""],
        // Those of `net` are counters and flags that nothing waits for, or only with tokio's `Notify`; docs/reliability.md has
        // a row for each.
        except: &[
            "net/call/chained.rs",
            "net/call/intercept/recording.rs",
            "net/drive/tests.rs",
            "net/node/builder.rs",
            "net/node/latch.rs",
            "net/node/shared.rs",
            "net/serve/pace.rs",
            "sync",
            "testing/conditions.rs",
        ],
        words: &["std::sync::atomic"],
        reason: "take atomics from `crate::sync`, so that models of schedules can check them",
    },
    Rule {
        places: &[""],
        except: &["net/catch.rs", "net/node/report.rs"],
        words: &[
            "tracing::error!",
            "tracing::warn!",
            "tracing::info!",
            "tracing::debug!",
            "tracing::trace!",
        ],
        reason: "write `log!(warn, …)`, which catches the panics of the subscriber",
    },
    Rule {
        places: &[""],
        except: &["entropy.rs", "testing"],
        words: &["rand::", "SystemTime::now", "RandomState"],
        reason: "take random numbers and the time of day from `crate::entropy`, so that a seed can replace them",
    },
    Rule {
        places: &[""],
        except: &["net/transport"],
        words: &["tungstenite"],
        reason: "the WebSocket library is named in net/transport/ only",
    },
];

impl Rule {
    /// Whether the rule holds for a file, named by its path below `grid/src/`.
    fn applies_to(&self, file: &str) -> bool {
        let within = |place: &&str| {
            let rest = file.strip_prefix(*place);
            place.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.places.iter().any(within) && !self.except.iter().any(within)
    }
}

/// The code of a file: without comments, and without its tests, which come last.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("mod tests {"))
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// The files of the library that are no tests, by their paths below `grid/src/`, with their texts.
fn library() -> impl Iterator<Item = (String, String)> {
    workspace::sources(&workspace::root().join("grid/src")).into_iter().filter_map(|path| {
        let name = workspace::name(&path);
        let file = name.strip_prefix("grid/src/").expect("below src").to_owned();
        let is_test = file.contains("/tests/");
        (!is_test).then(|| (file, fs::read_to_string(&path).expect("a source file")))
    })
}

#[test]
fn layers_point_downward() {
    let mut broken = Vec::new();
    for (file, text) in library() {
        for rule in RULES.iter().filter(|rule| rule.applies_to(&file)) {
            for (number, line) in code(&text) {
                for word in rule.words.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("grid/src/{file}:{number}: `{word}`: {}", rule.reason));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_rule_applies_to_a_file() {
    let root = workspace::root().join("grid/src");
    for place in RULES.iter().flat_map(|rule| rule.places.iter().chain(rule.except)) {
        assert!(root.join(place).exists(), "a rule names {place}, which is not in grid/src/");
    }
}

/// An unbiased one begins at a random branch, which no seed replaces.
#[test]
fn every_select_is_biased() {
    let mut found = 0;
    for (file, text) in library() {
        let lines: Vec<_> = code(&text).collect();
        for pair in lines.windows(2) {
            let [(number, line), (_, next)] = pair else { unreachable!("windows of two") };
            if line.contains("select! {") {
                assert_eq!(
                    next.trim(),
                    "biased;",
                    "grid/src/{file}:{number}: begin with `biased;`"
                );
                found += 1;
            }
        }
    }
    assert!(found > 0, "the library has a `select!`");
}
