//! Finds the metrics and labels in an expression of PromQL, as far as the dashboard and the alerts use the language.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

const FUNCTIONS: [&str; 5] = ["histogram_quantile", "increase", "min_over_time", "rate", "sum"];
const GROUPINGS: [&str; 4] = ["by", "group_left", "ignoring", "on"];

/// What an expression needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// The labels in `by (…)` and the like, which all metrics of the expression must have.
    pub(crate) grouped: BTreeSet<String>,
    /// It has `by (…)`: then the result has no other labels.
    pub(crate) is_grouped: bool,
}

/// A metric with its conditions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, operator, and value.
    pub(crate) conditions: Vec<(String, String, String)>,
}

/// Panics if it does not know a part of the expression.
#[track_caller]
pub(crate) fn parse(expr: &str) -> Query {
    let mut query = Query::default();
    let mut tokens = tokens(expr).into_iter().peekable();
    while let Some(token) = tokens.next() {
        if !is_word(&token) {
            continue;
        }
        match tokens.peek().map(|next| &**next) {
            Some("(") if GROUPINGS.contains(&&*token) => {
                query.is_grouped |= token == "by";
                let labels = tokens.by_ref().take_while(|token| token != ")");
                query.grouped.extend(labels.filter(|token| is_word(token)));
            }
            _ if token == "group_left" => {}
            Some("(" | "by") => assert!(FUNCTIONS.contains(&&*token), "unknown: {token} in {expr}"),
            Some("{") => {
                let inner: Vec<_> =
                    tokens.by_ref().skip(1).take_while(|token| token != "}").collect();
                let conditions = inner.split(|token| token == ",").map(|condition| {
                    let [label, operator, value] = condition else {
                        panic!("{condition:?} in {expr}")
                    };
                    (label.clone(), operator.clone(), value.trim_matches('"').to_owned())
                });
                let conditions = conditions.collect();
                query.selectors.push(Selector { metric: token, conditions });
            }
            _ => query.selectors.push(Selector { metric: token, conditions: Vec::new() }),
        }
    }
    query
}

fn is_word(token: &str) -> bool {
    token.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
}

/// Words, numbers, strings with their quotes, operators, and punctuation. Ranges such as `[5m]` are left out.
fn tokens(expr: &str) -> Vec<String> {
    let mut chars = expr.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(&first) = chars.peek() {
        let token = match first {
            '"' => {
                chars.next();
                format!(
                    "\"{}\"",
                    chars.by_ref().take_while(|char| *char != '"').collect::<String>()
                )
            }
            '[' => {
                chars.by_ref().find(|char| *char == ']');
                continue;
            }
            _ if first.is_whitespace() => {
                chars.next();
                continue;
            }
            _ if is_part(first) => run(&mut chars, is_part),
            _ if "=!~<>".contains(first) => run(&mut chars, |char| "=!~<>".contains(char)),
            _ => chars.next().into_iter().collect(),
        };
        tokens.push(token);
    }
    tokens
}

fn is_part(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '$')
}

fn run(chars: &mut Peekable<Chars<'_>>, is_part: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| chars.next_if(|char| is_part(*char))).collect()
}

#[test]
fn metrics_and_labels_are_found() {
    let query = parse(
        r#"1 - sum by (le, method) (rate(a_total{job="$job", code!~"|ok"}[5m])) / ignoring (code) group_left sum(b) > 0.5"#,
    );
    let condition = |label: &str, operator: &str, value: &str| {
        (label.to_owned(), operator.to_owned(), value.to_owned())
    };
    let a = Selector {
        metric: "a_total".to_owned(),
        conditions: vec![condition("job", "=", "$job"), condition("code", "!~", "|ok")],
    };
    let b = Selector { metric: "b".to_owned(), conditions: Vec::new() };
    let grouped = ["code", "le", "method"].map(str::to_owned).into();
    assert_eq!(query, Query { selectors: vec![a, b], grouped, is_grouped: true });
}
