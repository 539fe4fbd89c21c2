//! The server of `grid console`, without a browser. `cli/tests/browser/run` tests its page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::operators::{Grid, grid, open};
use crate::{run_with, start};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A running console. Ended when dropped.
pub(crate) struct Console {
    program: Child,
    pub(crate) address: String,
}

impl Console {
    pub(crate) fn start(node: &str, options: &[&str]) -> Self {
        let arguments = [&["console", "--json", "--listen", "127.0.0.1:0"], options].concat();
        let mut program = start(node, &arguments);
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url: Value = serde_json::from_str(&line).unwrap();
        let address = url["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let address = address.trim_end_matches('/').to_owned();
        Self { program, address }
    }

    pub(crate) fn of(grid: &Grid, options: &[&str]) -> Self {
        Self::start(grid.name(0), options)
    }

    /// Sends a request with these lines of headers besides the host.
    fn send(&self, request: &str, headers: &[&str], body: &str) -> BufReader<TcpStream> {
        let host = format!("host: {}", self.address);
        let is_given = headers.iter().any(|header| header.starts_with("host:"));
        let own = if is_given { None } else { Some(&*host) };
        let headers: Vec<_> = own.into_iter().chain(headers.iter().copied()).collect();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(20 * SECOND)).unwrap();
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\n{}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            headers.join("\r\n")
        );
        // One that is too large is answered before it was read.
        let _ = stream.write_all((head + body).as_bytes());
        BufReader::new(stream)
    }

    /// Status and whole answer.
    fn ask(&self, request: &str, headers: &[&str], body: &str) -> (u16, String) {
        let mut answer = String::new();
        self.send(request, headers, body).read_to_string(&mut answer).unwrap();
        (status(&answer), answer)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path}"), &[], "")
    }

    fn state(&self) -> Value {
        body(&self.get("/api/state").1)
    }

    /// Waits for a state that is as wanted.
    pub(crate) fn until(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let state = self.state();
            if is_wanted(&state) {
                return state;
            }
            assert!(began.elapsed() < 20 * SECOND, "{state:#}");
            sleep(SECOND / 10);
        }
    }

    /// Opens a stream of events, and returns its status with what is to come.
    pub(crate) fn follow(&self, path: &str) -> (u16, BufReader<TcpStream>) {
        let mut stream = self.send(&format!("GET {path}"), &[], "");
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        (status(&line), stream)
    }

    fn call(&self, asked: &Value) -> (u16, String) {
        let headers = ["x-grid-console: 1", "content-type: application/json"];
        self.ask("POST /api/call", &headers, &asked.to_string())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The next event of a stream.
pub(crate) fn event(stream: &mut BufReader<TcpStream>) -> Value {
    let began = Instant::now();
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the stream has ended");
        assert!(began.elapsed() < 20 * SECOND, "there is no event");
        if let Some(data) = line.strip_prefix("data:") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

pub(crate) fn are_up(state: &Value, count: usize) -> bool {
    state["nodes"].as_array().unwrap().iter().filter(|node| node["state"] == "up").count() == count
}

#[test]
fn the_page_has_strict_headers_and_no_script_of_its_own() {
    let console = Console::start("", &["--demo"]);
    for path in ["/", "/main.js", "/style.css", "/icon.svg", "/api/state", "/nothing"] {
        let (status, answer) = console.get(path);
        assert_eq!(status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        let head = answer.split("\r\n\r\n").next().unwrap();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
    }
    let page = console.get("/").1;
    assert!(!page.contains("<script>") && !page.contains("style=") && !page.contains("onclick"));
}

#[test]
fn requests_of_other_sites_are_refused() {
    let console = Console::start("", &["--demo"]);
    let with = |header| console.ask("GET /api/state", &[header], "").0;
    assert_eq!(with("host: evil.example"), 403);
    assert_eq!(with("sec-fetch-site: cross-site"), 403);
    assert_eq!(with("host: localhost:1"), 200);
    assert_eq!(with("host: 127.0.0.2:1"), 200, "the console may listen there");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let ran = run_with("", &["console", "--demo", "--listen", "0.0.0.0:0"], "");
    ran.fails(2, "--token-file");
    let file = std::env::temp_dir().join(format!("grid-console-token-{}", std::process::id()));
    let name = file.to_str().unwrap();
    std::fs::write(&file, "short\n").unwrap();
    let ran = run_with("", &["console", "--demo", "--token-file", name], "");
    ran.fails(2, "at least 16 characters");
    std::fs::write(&file, "long-enough-for-tests\n").unwrap();
    let console = Console::start("", &["--demo", "--token-file", name]);
    let with = |header| console.ask("GET /api/state", &[header], "").0;
    assert_eq!(with("authorization: Bearer long-enough-for-tests"), 200);
    assert_eq!(with("authorization: Bearer long-enough-for-testS"), 401);
    assert_eq!((console.get("/api/live").0, console.get("/").0), (401, 200));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn the_demo_has_fifty_nodes_and_calls_to_tap() {
    let console = Console::start("", &["--demo"]);
    let state = console.state();
    assert_eq!((&state["source"], state["nodes"].as_array().unwrap().len()), (&json!("demo"), 50));
    let (status, mut live) = console.follow("/api/live");
    assert_eq!(status, 200);
    let [first, second] = [event(&mut live), event(&mut live)];
    assert!(first["at_unix_ms"].as_u64() < second["at_unix_ms"].as_u64());
    let (_, mut tapped) = console.follow("/api/tap?method=Users&share=1");
    let batch = event(&mut tapped);
    assert_eq!(batch["calls"][0]["call"]["method"], "Users/get", "{batch}");
    for query in ["share=2", "share=x", "slower_than=fast", "unknown=1"] {
        assert_eq!(console.get(&format!("/api/tap?{query}")).0, 400, "{query}");
    }
    let call = console.call(&json!({ "node": "http://node-01:9000", "method": "Orders/place" }));
    assert!(call.0 == 403 && call.1.contains("--allow-calls"), "{call:?}");
}

#[test]
fn a_lost_node_is_shown_with_its_reason() {
    let grid = grid(|_, builder| open(builder));
    let console = Console::of(&grid, &[]);
    let state =
        console.until(|state| are_up(state, 3) && state["links"].as_array().unwrap().len() > 8);
    assert_eq!((&state["source"], &state["entry"]), (&json!("live"), &json!(grid.name(0))));
    grid.stop_last();
    let state = console
        .until(|state| are_up(state, 2) && !state["findings"].as_array().unwrap().is_empty());
    let lost = state["nodes"].as_array().unwrap().iter().find(|node| node["name"] == grid.name(2));
    let lost = lost.unwrap();
    assert!(lost["state"] == "lost" && lost["reason"] != "", "{lost}");
    let events = state["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["kind"] == "down" && event["peer"] == grid.name(2)));
}

#[test]
fn a_recording_is_shown_without_nodes() {
    let file = std::env::temp_dir().join(format!("grid-console-{}.json", std::process::id()));
    let name = file.to_str().unwrap();
    let grid = grid(|_, builder| open(builder));
    let ran = grid.run(&["console", "--record", name]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let node = grid.name(0).to_owned();
    let (without, token) = (format!("{name}.without"), format!("{name}.token"));
    // As a token, the name of a node would be everywhere.
    std::fs::write(&token, format!("{node}\n")).unwrap();
    let ran = grid.run(&["console", "--record", &without, "--token-file", &token]);
    let recorded = std::fs::read_to_string(&without).unwrap();
    assert!(ran.code == 0 && recorded.contains("[secret]") && !recorded.contains(&node), "{ran:?}");
    let mut gather = Command::new(env!("CARGO_BIN_EXE_grid"));
    gather.args(["--node", &node, "gather", &without]).env("GRID_CONSOLE_TOKEN", &node);
    assert!(gather.output().unwrap().status.success());
    let mut gathered = String::new();
    let mut archive = flate2::read::GzDecoder::new(std::fs::File::open(&without).unwrap());
    archive.read_to_string(&mut gathered).unwrap();
    assert!(gathered.contains("[secret]") && !gathered.contains(&node), "{gathered}");
    [without, token].iter().for_each(|file| std::fs::remove_file(file).unwrap());
    drop(grid);
    let console = Console::start("", &["--replay", name]);
    let state = console.state();
    assert!(
        state["source"] == "replay" && state["entry"] == *node && are_up(&state, 3),
        "{state:#}"
    );
    let (_, mut live) = console.follow("/api/live");
    assert_eq!(event(&mut live), state);
    let services = body(&console.get("/api/services").1);
    assert_eq!(services[0]["service"]["name"], "Clock");
    assert_eq!(console.get("/api/tap").0, 409);
    std::fs::write(&file, "{}").unwrap();
    run_with("", &["console", "--replay", name], "").fails(2, "missing field `format`");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn calls_are_made_if_they_are_allowed() {
    let grid = grid(|_, builder| open(builder));
    let console = Console::of(&grid, &["--allow-calls"]);
    console.until(|state| are_up(state, 3));
    let call = |method| console.call(&json!({ "node": grid.name(1), "method": method }));
    let (status, answer) = call("Clock/now");
    assert_eq!((status, &body(&answer)["answer"]), (200, &json!("42")), "{answer}");
    let (status, answer) = call("Clock/fail");
    assert!(status == 422 && answer.contains("out of springs"), "{answer}");
    let (status, answer) = call("Clock/noww");
    assert!(status == 404 && answer.contains("did you mean"), "{answer}");
    assert_eq!(call("grid.Admin/events").0, 400, "a stream");
    let late = json!({ "node": grid.name(1), "method": "Clock/now", "deadline_ms": 0 });
    let (status, answer) = console.call(&late);
    assert!(status == 504 && answer.contains("no answer from Clock/now at"), "{answer}");
    let elsewhere = json!({ "node": "http://elsewhere:1", "method": "Clock/now" });
    assert_eq!(console.call(&elsewhere).0, 404);
    assert_eq!(console.call(&json!({ "node": 7 })).0, 400);
    let asked = json!({ "node": grid.name(1), "method": "Clock/now" }).to_string();
    let (status, answer) = console.ask("POST /api/call", &[], &asked);
    assert!(status == 403 && answer.contains("x-grid-console"), "{answer}");
    let large =
        json!({ "node": grid.name(1), "method": "Clock/now", "arguments": "x".repeat(1 << 20) });
    assert_eq!(status_of_large(&console, &large.to_string()), 413);
}

/// The connection may be closed before all has been sent, and the answer be lost with it.
fn status_of_large(console: &Console, body: &str) -> u16 {
    let mut line = String::new();
    let mut stream = console.send("POST /api/call", &["x-grid-console: 1"], body);
    stream.read_line(&mut line).unwrap();
    status(&line)
}

#[test]
fn a_console_without_a_grid_fails_at_once() {
    run_with("http://127.0.0.1:1", &["console"], "").fails(3, "127.0.0.1:1");
    let closed = grid(|_, builder| builder);
    closed.run(&["console", "--listen", "127.0.0.1:0"]).fails(6, "Builder::admin");
    let ran = closed.run(&["console", "--demo", "--allow-calls"]);
    ran.fails(2, "cannot be used with");
}
