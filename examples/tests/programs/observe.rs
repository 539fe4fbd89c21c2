//! What `node` shows of itself, and that the dashboard and the alerts of `deploy/` ask for nothing else.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use grid::{CallError, Manager, SharedSecret};
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::client::{LIMIT, send};
use crate::node::Node;
use crate::ports::names;
use crate::query::parse;

const DASHBOARD: &str = include_str!("../../../deploy/grafana/dashboard.json");
const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yaml");
const GUIDE: &str = include_str!("../../../docs/guide/observing.md");

/// The labels that Prometheus adds to what it scrapes.
const OF_TARGETS: [&str; 2] = ["instance", "job"];

/// An expression that somebody evaluates, and the labels of its result that are shown.
struct Asked {
    by: String,
    expr: String,
    shown: Vec<String>,
}

/// The words between `before` and `after`.
fn between(text: &str, before: &str, after: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split_once(after).unwrap().0.trim().to_owned()).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).unwrap_or_else(|| panic!("no {path}"))
}

fn of_the_dashboard() -> Vec<Asked> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = list(&dashboard, "/panels").iter().filter(|panel| panel["type"] != "row");
    let of_panel = |panel: &Value| {
        let of_target = |target: &Value| Asked {
            by: format!("the panel {:?}", text(panel, "title")),
            expr: text(target, "expr").to_owned(),
            shown: between(text(target, "legendFormat"), "{{", "}}"),
        };
        list(panel, "/targets").iter().map(of_target).collect::<Vec<_>>()
    };
    let of_variable = |variable: &Value| {
        let query = variable.pointer("/query/query")?.as_str()?;
        let inner = query.strip_prefix("label_values(")?.strip_suffix(')')?;
        let (expr, shown) = inner.rsplit_once(", ")?;
        let by = format!("the variable {}", variable["name"]);
        Some(Asked { by, expr: expr.to_owned(), shown: vec![shown.to_owned()] })
    };
    let variables = list(&dashboard, "/templating/list");
    let asked: Vec<_> = variables.iter().filter_map(of_variable).collect();
    assert_eq!(asked.len(), 2, "job and instance");
    asked.into_iter().chain(panels.flat_map(of_panel)).collect()
}

fn rules() -> Vec<Value> {
    let alerts: Value = serde_saphyr::from_str(ALERTS).unwrap();
    list(&alerts, "/groups/0/rules").to_vec()
}

fn of_the_alerts() -> Vec<Asked> {
    let of_rule = |rule: &Value| Asked {
        by: format!("the alert {:?}", text(rule, "alert")),
        expr: text(rule, "expr").to_owned(),
        shown: between(text(&rule["annotations"], "summary"), "$labels.", "}}"),
    };
    rules().iter().map(of_rule).collect()
}

/// Metrics of one node or of several.
#[derive(Default)]
struct Scraped(HashMap<String, Vec<HashMap<String, String>>>);

impl Scraped {
    async fn add(&mut self, node: &Node) {
        let answer = node.get("/metrics").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        self.read(std::str::from_utf8(answer.body()).unwrap());
    }

    fn read(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split("\",");
            let labels = labels.filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(name, value)| (name, value.trim_end_matches('"')));
            let value = [("", value)];
            let series =
                labels.chain(value).map(|(name, value)| (name.to_owned(), value.to_owned()));
            self.0.entry(name.to_owned()).or_default().push(series.collect());
        }
    }

    /// The sum of all series of a metric that have these labels.
    fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let series = self.0.get(metric).into_iter().flatten();
        let found = series.filter(|series| {
            labels.iter().all(|(label, value)| series.get(*label).is_some_and(|has| has == value))
        });
        found.map(|series| series[""].parse::<f64>().unwrap()).sum()
    }

    fn has(&self, metric: &str, label: &str, is_it: impl Fn(&str) -> bool) -> bool {
        let mut series = self.0.get(metric).into_iter().flatten();
        series.any(|series| series.get(label).is_some_and(|value| is_it(value)))
    }

    /// What is asked for and does not exist.
    fn missing(&self, asked: &Asked) -> Option<String> {
        let Asked { by, expr, shown } = asked;
        let query = parse(expr);
        for selector in query.selectors.iter().filter(|selector| selector.metric != "up") {
            let metric = &selector.metric;
            if !self.0.contains_key(metric) {
                return Some(format!("{by}: no metric {metric}"));
            }
            let conditions = selector.conditions.iter().map(|(label, operator, value)| {
                let is_exact = operator == "=" && !value.starts_with('$');
                (label, is_exact.then_some(value))
            });
            // Without `by (…)`, the result has all labels of the metric.
            let shown = shown.iter().filter(|_| !query.is_grouped);
            let needed = query.grouped.iter().chain(shown).map(|label| (label, None));
            let mut all = conditions.chain(needed);
            let lacks = all.find(|(label, value)| {
                let is_it = |has: &str| value.is_none_or(|value| value == has);
                !OF_TARGETS.contains(&label.as_str()) && !self.has(metric, label, is_it)
            });
            if let Some((label, value)) = lacks {
                return Some(format!("{by}: {metric} has no label {label} {value:?}"));
            }
        }
        let unshown =
            shown.iter().find(|label| query.is_grouped && !query.grouped.contains(*label));
        unshown.map(|label| format!("{by}: its result has no label {label}"))
    }
}

/// The service of `node`, for a member that is not the program.
#[grid::service]
trait Items {
    async fn get(&self, key: String) -> Option<Bytes>;
    async fn put(&self, key: String, value: Bytes) -> Result<(), String>;
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_what_a_node_exports() {
    let names = names::<3>();
    let secret = "correct horse";
    let nodes = [0, 1].map(|at| Node::start(&names[at], &names, &[("NODE_SECRET", secret)]));
    // The third member serves no items, so calls to it fail, and it can send what the program does not.
    let member = Manager::builder(&names[2]).hosts(&names).token(SharedSecret::new(secret));
    let member = member.build().unwrap();
    let listener = TcpListener::bind(names[2].split_once("://").unwrap().1).await.unwrap();
    tokio::spawn(member.serve(listener));
    for node in &nodes {
        node.becomes(StatusCode::OK, "3 of 3 nodes").await;
    }

    let mut stored = 0;
    for number in 0..40 {
        let path = format!("/items/{number}");
        let status = nodes[number % 2].put(&path, "1").await;
        assert!([StatusCode::NO_CONTENT, StatusCode::BAD_GATEWAY].contains(&status), "{status}");
        stored += u32::from(status == StatusCode::NO_CONTENT);
        nodes[(number + 1) % 2].get(&path).await;
    }
    let items = ItemsClient::new(member.connection(&names[0]).unwrap());
    let refused = items.put("x".repeat(300), Bytes::new()).await.unwrap_err();
    assert!(matches!(refused, CallError::Remote(_) | CallError::Handler(_)), "{refused:?}");
    // A connection without a token.
    let upgrade = Request::get(grid::ROUTE)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = send(&names[0], None, upgrade, "").await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    member.shutdown(Duration::ZERO).await;

    let asked: Vec<_> = of_the_dashboard().into_iter().chain(of_the_alerts()).collect();
    assert!(asked.len() > 30, "{} expressions", asked.len());
    let mut missing = Vec::new();
    // Links are read every five seconds, and pinged after ten.
    let all = timeout(LIMIT, async {
        loop {
            let mut scraped = Scraped::default();
            for node in &nodes {
                scraped.add(node).await;
            }
            missing = asked.iter().filter_map(|asked| scraped.missing(asked)).collect();
            if missing.is_empty() && scraped.sum("grid_link_up", &[("peer", &names[2])]) == 0.0 {
                return scraped;
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    let all = all.await;
    let scraped = all.unwrap_or_else(|_| panic!("missing:\n{}", missing.join("\n")));

    for metric in scraped.0.keys() {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|part| metric.strip_suffix(part));
        let name = format!("`{}`", name.unwrap_or(metric));
        assert!(GUIDE.contains(&name), "observing.md lacks {name}");
    }
    let put = |outcome| [("rpc_method", "Items/put"), ("rpc_response_status_code", outcome)];
    for metric in
        ["rpc_server_call_duration_seconds_count", "rpc_client_call_duration_seconds_count"]
    {
        assert_eq!(scraped.sum(metric, &put("ok")), f64::from(stored), "{metric}");
    }
    assert_eq!(scraped.sum("rpc_server_call_duration_seconds_count", &put("handler")), 1.0);
    let unknown = put("unknown_handler");
    let failed = scraped.sum("rpc_client_call_duration_seconds_count", &unknown);
    assert_eq!(failed, f64::from(40 - stored));
    assert_eq!(scraped.sum("grid_link_up", &[("peer", &names[0])]), 2.0, "also to itself");
    assert_eq!(scraped.sum("grid_link_downs_total", &[("peer", &names[2])]), 2.0);
    assert_eq!(scraped.sum("grid_handshakes_refused_total", &[("reason", "upgrade")]), 1.0);
}

#[tokio::test]
async fn every_metric_is_described() {
    let [name] = names();
    let node = Node::start(&name, std::slice::from_ref(&name), &[("NODE_SECRET", "correct horse")]);
    node.becomes(StatusCode::OK, "1 of 1 nodes").await;
    node.put("/items/a", "1").await;
    let scraped = node.get("/metrics").await;
    let scraped = std::str::from_utf8(scraped.body()).unwrap();
    let named = |kind: &str| -> BTreeSet<_> {
        let lines = scraped.lines().filter_map(|line| line.strip_prefix(kind));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert!(!named("# TYPE ").is_empty());
    assert_eq!(named("# HELP "), named("# TYPE "));
}

#[test]
fn the_guide_says_what_to_do_about_each_alert() {
    for rule in rules() {
        let alert = text(&rule, "alert");
        assert!(GUIDE.contains(&format!("| `{alert}` |")), "observing.md lacks {alert}");
    }
}

/// The identifiers of the traces in lines that contain this.
fn traces(path: &std::path::Path, text: &str) -> BTreeSet<String> {
    let log = std::fs::read_to_string(path).unwrap();
    let lines = log.lines().filter(|line| line.contains(text));
    lines.flat_map(|line| between(line, "trace_id=", " ")).collect()
}

#[tokio::test]
async fn the_node_that_is_asked_decides_whether_a_request_is_traced() {
    let names = names::<2>();
    let folder = tempfile::tempdir().unwrap();
    let logs = [0, 1].map(|node| folder.path().join(node.to_string()));
    let start = |at: usize, share| {
        let settings =
            [("NODE_SECRET", "correct horse"), ("NODE_LOG", "info"), ("NODE_TRACE_SHARE", share)];
        let log = Stdio::from(File::create(&logs[at]).unwrap());
        Node::start_logging(&names[at], &names, &settings, log)
    };
    let nodes = [start(0, "1"), start(1, "0")];
    for node in &nodes {
        node.becomes(StatusCode::OK, "2 of 2 nodes").await;
    }
    for number in 0..20 {
        for (node, method) in nodes.iter().zip(["get", "put"]) {
            let path = format!("/items/{number}");
            match method {
                "get" => drop(node.get(&path).await),
                _ => drop(node.put(&path, "1").await),
            }
        }
    }
    let asked = || traces(&logs[0], "grid.client{");
    let served =
        || logs.iter().flat_map(|log| traces(log, "grid.server{")).collect::<BTreeSet<_>>();
    let written = timeout(LIMIT, async {
        // A span can end after the response has arrived.
        while asked().len() < 20 || served().len() < 20 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    written.await.expect("two spans for each request");
    assert_eq!(asked(), served(), "each trace has both ends");
    assert!(!traces(&logs[1], "grid.server{").is_empty(), "some are over both nodes");
    assert_eq!(traces(&logs[1], "grid.client{").len(), 0, "its own requests are not traced");
    assert!(!std::fs::read_to_string(&logs[0]).unwrap().contains("Items/put"));
}
