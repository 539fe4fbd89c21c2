//! Every method of the example programs can be called with the command `grid`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use grid::{Guests, Manager, NoAuth};
use grid_examples::locks::{LockTable, LocksServer, Timing};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::node::Node;
use crate::ports::names;

/// The command, which is built if only this package is tested.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "-q", "-p", "grid-cli", "--bin", "grid"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .status();
        assert!(built.unwrap().success());
        Path::new(env!("CARGO_BIN_EXE_node")).with_file_name("grid")
    })
}

/// The shell of somebody who calls the services of one node.
struct Shell {
    node: String,
    secret: Option<&'static str>,
    called: BTreeSet<String>,
}

impl Shell {
    fn new(node: &str, secret: Option<&'static str>) -> Self {
        Self { node: node.to_owned(), secret, called: BTreeSet::new() }
    }

    fn run(&self, arguments: &[&str], input: &str) -> String {
        self.run_with(arguments, input, false)
    }

    /// Runs the program. Its input can stay open until it ends by itself: a user who leaves the chat reads no more.
    fn run_with(&self, arguments: &[&str], input: &str, is_open: bool) -> String {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env("GRID_NODE", &self.node)
            .env("GRID_CONTEXTS", "no-contexts.json");
        command.envs(self.secret.map(|secret| ("GRID_SECRET", secret)));
        command.env("GRID_CONNECT_TIMEOUT", "30s").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut open = child.stdin.take();
        // A program that has ended reads no more.
        let _ = open.as_mut().unwrap().write_all(input.as_bytes());
        if !is_open {
            open = None;
        }
        let output = child.wait_with_output().unwrap();
        drop(open);
        let printed = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {printed}{complaints}");
        printed
    }

    /// Calls a method, and returns its answer.
    fn call(&mut self, method: &str, arguments: &Value) -> Value {
        self.called.insert(method.to_owned());
        serde_json::from_str(&self.run(&["call", method, &arguments.to_string()], "")).unwrap()
    }

    /// Opens a stream with these items of input, and returns its items: so many of them, if the input stays open.
    fn stream(
        &mut self,
        method: &str,
        arguments: &Value,
        input: &[Value],
        take: Option<u32>,
    ) -> Vec<Value> {
        self.called.insert(method.to_owned());
        let input: String = input.iter().map(|item| format!("{item}\n")).collect();
        let (arguments, count) = (arguments.to_string(), take.unwrap_or(u32::MAX).to_string());
        let mut words = vec!["stream", method, "--take", &count];
        if arguments != "null" {
            words.push(&arguments);
        }
        let printed = self.run_with(&words, &input, take.is_some());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts that all methods of the application were called, and that all of them state schemas.
    fn has_called_all(&self) {
        let services: Value = serde_json::from_str(&self.run(&["ls", "--json"], "")).unwrap();
        let mut methods = BTreeSet::new();
        for service in services.as_array().unwrap() {
            let name = service["name"].as_str().unwrap();
            for method in service["methods"].as_array().unwrap() {
                methods.insert(format!("{name}/{}", method["name"].as_str().unwrap()));
            }
        }
        assert_eq!(self.called, methods);
        for method in methods {
            let described = self.run(&["describe", &method], "");
            assert!(!described.contains("no schemas"), "{described}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_node() {
    let [name] = names::<1>();
    let secrets = [("NODE_SECRET", "of nodes"), ("NODE_OPERATORS_SECRET", "of operators")];
    let node = Node::start(&name, std::slice::from_ref(&name), &secrets);
    node.becomes(hyper::StatusCode::OK, "1 of 1 nodes").await;
    let mut shell = Shell::new(&name, Some("of operators"));
    assert_eq!(shell.call("Items/put", &json!({"key": "a", "value": "text:hello"})), json!(null));
    assert_eq!(shell.call("Items/get", &json!("a")), json!("aGVsbG8="));
    assert_eq!(shell.call("Items/get", &json!("b")), json!(null));
    shell.has_called_all();
    // And those of operators, who may be guests only.
    assert!(shell.run(&["check"], "").contains("all is well"));
    assert_eq!(shell.run(&["log", "warn"], ""), format!("{name}: warn\n"));
    assert_eq!(node.get("/livez").await.status(), hyper::StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_ask_of_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\ntwo\n").unwrap();
    let [name] = names::<1>();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_files"))
        .args(["node", "--name", &name, "--hosts", &name, "--dir"])
        .arg(folder.path())
        .env_remove("FILES_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut printed = tokio::io::BufReader::new(child.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut printed, &mut line).await.unwrap();
    let mut shell = Shell::new(&name, None);
    let path = "text:a.txt";
    assert_eq!(shell.call("Files/stat", &json!(path))["size"], 8);
    let read = json!({"path": path, "offset": 4, "len": 3});
    assert_eq!(shell.call("Files/read", &read), json!("dHdv"));
    let all = json!({"path": "text:"});
    assert!(!shell.stream("Files/walk", &all, &[], None).is_empty());
    let search = json!({"pattern": "tw.", "path": "text:"});
    let hits = shell.stream("Files/search", &search, &[], None);
    assert!(hits.iter().any(|hit| hit["Item"]["path"] == "YS50eHQ="), "{hits:?}");
    let asked = |request: Value| json!({"nodes": [], "request": request});
    assert!(!shell.stream("Ask/walk_all", &asked(all), &[], None).is_empty());
    assert_eq!(shell.stream("Ask/search_all", &asked(search), &[], None), hits);
    let content = shell.stream("Ask/cat", &json!({"nodes": [], "path": path}), &[], None);
    assert_eq!(content, [json!("b25lCnR3bwo=")]);
    shell.has_called_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn chat() {
    let [name] = names::<1>();
    let mut node = tokio::process::Command::new(env!("CARGO_BIN_EXE_chat"))
        .args(["node", "--name", &name, "--hosts", &name, "--user", "ann"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It listens when its user has joined.
    let mut line = String::new();
    let mut printed = tokio::io::BufReader::new(node.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut printed, &mut line).await.unwrap();
    let mut shell = Shell::new(&name, Some("correct horse"));
    let read = shell.stream("Chat/join", &json!("ben"), &[json!("hello")], Some(2));
    assert_eq!(read[0]["what"], json!({"Joined": {"user": "ben"}}));
    assert_eq!(read[1]["what"], json!({"Said": {"user": "ben", "text": "hello"}}));
    // Another node would send what its own users do.
    shell.stream("Chat/relay", &Value::Null, &[json!({"Joined": {"user": "cat"}})], None);
    shell.has_called_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn locks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("http://{}", listener.local_addr().unwrap());
    let service = LocksServer::new(LockTable::new(&Timing::default()));
    let builder = Manager::builder(&*name).token(NoAuth).guests(Guests::up_to(16));
    let node = builder.service(service).build().unwrap();
    tokio::spawn(async move { node.serve(listener).await });
    let mut shell = Shell::new(&name, None);
    let long = u128::MAX.to_string();
    let lock = json!({"resource": "a", "uid": long});
    for (method, arguments, is_held) in [
        ("lock", &lock, true),
        ("rlock", &json!({"resource": "a", "uid": 7}), false),
        ("refresh", &lock, true),
        ("unlock", &lock, true),
        ("rlock", &lock, true),
        ("runlock", &lock, true),
        ("force_unlock", &json!("a"), false),
    ] {
        assert_eq!(shell.call(&format!("Locks/{method}"), arguments), is_held, "{method}");
    }
    shell.has_called_all();
}
