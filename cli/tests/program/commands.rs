//! What every node has: services that are listed, described and called.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use bytes::Bytes;
use grid::{
    CallInfo, Context, Denied, Guests, Incoming, Manager, NoAuth, Outgoing, Raw, RemoteError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Ran, run_with, start};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Entry {
    name: String,
    size: u16,
    #[serde(default)]
    owner: Option<String>,
    kind: Kind,
    data: Bytes,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
enum Kind {
    File,
    Link { target: String },
    Device(u8, u8),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
enum NoEntry {
    #[error("no entry is called {0}")]
    Unknown(String),
}

/// A store of entries.
#[grid::service(schema)]
trait Store {
    /// Adds an entry, and returns it.
    async fn put(&self, entry: Entry, overwrite: bool) -> Entry;
    /// Looks one up.
    #[handler(compact, request_bytes_max = 40)]
    async fn get(&self, name: String) -> Result<Entry, NoEntry>;
    async fn tenant(&self, cx: &Context) -> Option<String>;
    #[handler(timeout = "50ms")]
    async fn sleep(&self) -> Result<(), RemoteError>;
    async fn echo(&self, data: Raw) -> Raw;
    async fn count(&self, from: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn sum(&self, numbers: Incoming<u32>) -> Result<u64, RemoteError>;
    async fn shout(
        &self,
        input: Incoming<String>,
        out: Outgoing<String>,
    ) -> Result<(), RemoteError>;
    /// Ends after the first item, although more could come.
    async fn first(
        &self,
        input: Incoming<String>,
        out: Outgoing<String>,
    ) -> Result<(), RemoteError>;
    async fn secret(&self) -> u64;
    /// Arguments that a call may be without.
    async fn page(&self, after: Option<u32>, #[default] size: u32) -> (u32, u32);
    /// What the library sends as bytes although it is none of the types for bytes.
    async fn bytes(&self, list: Vec<u8>, pair: (u8, u8)) -> (Vec<u8>, (u8, u8));
}

/// The same without schemas.
#[grid::service]
trait Plain {
    async fn add(&self, a: u64, b: u64) -> u64;
}

struct Example;

impl Store for Example {
    async fn put(&self, entry: Entry, _overwrite: bool) -> Entry {
        entry
    }
    async fn get(&self, name: String) -> Result<Entry, NoEntry> {
        match &*name {
            "none" => Err(NoEntry::Unknown(name)),
            _ => Ok(Entry {
                name,
                size: 7,
                owner: None,
                kind: Kind::Link { target: "/".into() },
                data: Bytes::from_static(b"abc"),
            }),
        }
    }
    async fn page(&self, after: Option<u32>, size: u32) -> (u32, u32) {
        (after.unwrap_or(7), size)
    }
    async fn tenant(&self, cx: &Context) -> Option<String> {
        let tenant = cx.metadata("tenant")?;
        Some(String::from_utf8_lossy(tenant).into_owned())
    }
    async fn sleep(&self) -> Result<(), RemoteError> {
        std::future::pending().await
    }
    async fn echo(&self, data: Raw) -> Raw {
        data
    }
    async fn count(&self, from: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in from.. {
            out.send(number).await?;
        }
        Ok(())
    }
    async fn sum(&self, mut numbers: Incoming<u32>) -> Result<u64, RemoteError> {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += u64::from(number?);
        }
        Ok(sum)
    }
    async fn shout(
        &self,
        mut input: Incoming<String>,
        mut out: Outgoing<String>,
    ) -> Result<(), RemoteError> {
        while let Some(text) = input.next().await {
            out.send(text?.to_uppercase()).await?;
        }
        Ok(())
    }
    async fn first(
        &self,
        mut input: Incoming<String>,
        mut out: Outgoing<String>,
    ) -> Result<(), RemoteError> {
        if let Some(text) = input.next().await {
            out.send(text?).await?;
        }
        Ok(())
    }
    async fn secret(&self) -> u64 {
        42
    }
    async fn bytes(&self, list: Vec<u8>, pair: (u8, u8)) -> (Vec<u8>, (u8, u8)) {
        (list, pair)
    }
}

impl Plain for Example {
    async fn add(&self, a: u64, b: u64) -> u64 {
        a + b
    }
}

fn permit(call: &CallInfo) -> Result<(), Denied> {
    if call.method() == "secret" { Err(Denied::new("for operators only")) } else { Ok(()) }
}

/// A node on a free port, until the runtime ends.
pub(crate) struct Node {
    pub(crate) name: String,
    runtime: tokio::runtime::Runtime,
}

pub(crate) fn node() -> Node {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let name = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("http://{}", listener.local_addr().unwrap());
        let node = Manager::builder(&*name)
            .token(NoAuth)
            .guests(Guests::up_to(16))
            .permit(permit)
            .service(StoreServer::new(Example))
            .service(StoreServer::new(Example).subroute("second"))
            .service(PlainServer::new(Example))
            .build()
            .unwrap();
        tokio::spawn(async move { node.serve(listener).await });
        name
    });
    Node { name, runtime }
}

impl Node {
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        run_with(&self.name, arguments, input)
    }
}

const ENTRY: &str =
    r#"{"name": "a", "size": 3, "kind": {"Link": {"target": "b"}}, "data": "aGVsbG8="}"#;

#[test]
fn services_are_listed_and_described() {
    let node = node();
    let listed = node.run(&["ls"]);
    assert!(listed.out.contains("Store\n  put(entry: Entry, overwrite: bool) -> Entry  Adds an"));
    assert!(listed.out.contains("second:Store\n"), "{}", listed.out);
    assert!(!listed.out.contains("grid.Reflection"), "{}", listed.out);
    let all = node.run(&["ls", "--all", "--json"]).json();
    assert_eq!(all[3]["name"], "grid.Reflection");
    let described = node.run(&["describe", "Store/get"]).out;
    for text in ["Looks one up.", "at most 40 bytes", "compact", "schema of error", "Unknown"] {
        assert!(described.contains(text), "{text}: {described}");
    }
    assert!(node.run(&["describe", "Plain/add"]).out.contains("no schemas"));
    node.run(&["describe", "Stor"]).fails(6, "did you mean `Store`?");
    node.run(&["describe", "Store/gat"]).fails(6, "did you mean `get`?");
    node.run(&["describe", "third:Store/get"]).fails(6, "it has Store, second:Store");
}

#[test]
fn single_requests_are_made() {
    let node = node();
    let argument = format!(r#"{{"entry": {ENTRY}, "overwrite": true}}"#);
    let put = node.run(&["call", "Store/put", &argument]).json();
    let mut expected: Value = serde_json::from_str(ENTRY).unwrap();
    expected["owner"] = Value::Null;
    assert_eq!(put, expected);
    let second = node.run_with(&["call", "second:Store/put", "-", "--json"], &argument);
    assert_eq!(second.json(), expected);
    let get = node.run(&["call", "Store/get", "\"x\""]).json();
    let fields = json!({"name": "x", "size": 7, "owner": null, "kind": {"Link": {"target": "/"}}, "data": "YWJj"});
    assert_eq!(get, fields, "the fields of a compact struct have their names");
    assert_eq!(node.run(&["call", "Store/echo", "\"AAECAw==\""]).json(), "AAECAw==");
    assert_eq!(node.run(&["call", "Store/page", "{}"]).json(), json!([7, 0]));
    let tenant = node.run(&["call", "Store/tenant", "--metadata", "tenant=ann"]).json();
    assert_eq!(tenant, "ann");
    assert_eq!(node.run(&["call", "Plain/add", r#"{"a": 1, "b": 2}"#]).json(), 3);
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let node = node();
    node.run(&["call", "Store/get", "\"none\""]).fails(1, "no entry is called none");
    node.run(&["call", "Store/secret"]).fails(4, "for operators only");
    node.run(&["call", "Store/sleep"]).fails(5, "no answer from Store/sleep at ");
    node.run(&["call", "Store/sleep", "--deadline", "20ms"]).fails(5, "within 20ms");
    node.run(&["bench", "Store/sleep"]).fails(5, "no answer from Store/sleep at ");
    node.run(&["call", "Nothing/at"]).fails(6, "has no service `Nothing`");
    node.run(&["call", "Store/count", "1"]).fails(2, "use `grid stream Store/count`");
    node.run(&["call", "Store"]).fails(2, "write Service/method");
    node.run(&["--node", "http://127.0.0.1:1", "ls"])
        .fails(3, "cannot connect to http://127.0.0.1:1");
    node.runtime.shutdown_timeout(Duration::from_secs(1));
}

/// Where there is a schema, input that does not fit is refused before it is sent, with its place.
#[test]
fn wrong_input_is_refused() {
    let node = node();
    let put = |entry: &str| {
        node.run(&["call", "Store/put", &format!(r#"{{"entry": {entry}, "overwrite": true}}"#)])
    };
    let changed = |field: &str, value: Value| {
        let mut entry: Value = serde_json::from_str(ENTRY).unwrap();
        match value {
            Value::Null => drop(entry.as_object_mut().unwrap().remove(field)),
            value => entry[field] = value,
        }
        put(&entry.to_string())
    };
    changed("nome", json!(1)).fails(2, "entry: has no field `nome`; it has `name`, `size`");
    changed("size", json!("3")).fails(2, "entry.size: expected an integer, found \"3\"");
    changed("size", json!(70000)).fails(2, "entry.size: 70000 is not from 0 to 65535 (uint16)");
    changed("size", Value::Null).fails(2, "entry: the field `size` is missing");
    changed("data", json!("not base64!")).fails(2, "entry.data: expected bytes in base64");
    changed("kind", json!("Fifo"))
        .fails(2, "entry.kind: expected \"File\", or an object with `Link`");
    changed("kind", json!({"Device": [1, 300]}))
        .fails(2, "entry.kind.Device[1]: 300 is not from 0");
    changed("kind", json!({"Link": {"target": 1}}))
        .fails(2, "entry.kind.Link.target: expected a string");
    node.run(&["call", "Store/put", r#"{"entri": 1}"#]).fails(2, "no argument is called `entri`");
    node.run(&["call", "Store/put", r#"{"overwrite": true}"#])
        .fails(2, "the argument `entry` (Entry) is missing");
    node.run(&["call", "Store/put", "[]"]).fails(2, "expected an object with `entry` (Entry) and");
    node.run(&["call", "Store/put", "{"]).fails(2, "the argument is not JSON");
    node.run(&["call", "Store/get", "x"]).fails(2, "a string needs quotation marks");
    node.run(&["call", "Store/get"]).fails(2, "takes `name` (String)");
    node.run(&["call", "Store/tenant", "1"]).fails(2, "takes no arguments");
    let long = format!("\"{}\"", "x".repeat(50));
    node.run(&["call", "Store/get", &long])
        .fails(2, "the request has 52 bytes, and get takes at most 40");
}

#[test]
fn streams_of_all_kinds_are_lines() {
    let node = node();
    let counted = node.run(&["stream", "Store/count", "5", "--take", "3"]);
    assert_eq!((counted.code, &*counted.out), (0, "5\n6\n7\n"));
    let sum = node.run_with(&["stream", "Store/sum"], "1\n\n10\n100\n");
    assert_eq!((sum.code, &*sum.out), (0, "111\n"), "{sum:?}");
    let shouted = node.run_with(&["stream", "Store/shout"], "\"a\"\n\"b\"\n");
    assert_eq!((shouted.code, &*shouted.out), (0, "\"A\"\n\"B\"\n"), "{shouted:?}");
    let wrong = node.run_with(&["stream", "Store/sum"], "1\n\"two\"\n");
    wrong.fails(2, "item: expected an integer, found \"two\"");
    node.run_with(&["stream", "Store/sum"], "1\ntwo\n").fails(2, "line 2 of standard input");
    let late = ["stream", "Store/sum", "--deadline", "0s"];
    node.run(&late).fails(5, "no answer from Store/sum at ");
    node.run(&["stream", "Store/put"]).fails(2, "use `grid call Store/put`");
}

/// The program ends with the stream, and does not wait for the end of its input.
#[test]
fn a_stream_can_end_before_its_input() {
    let node = node();
    let mut program = start(&node.name, &["stream", "Store/first"]);
    let mut input = program.stdin.take().unwrap();
    input.write_all(b"\"a\"\n").unwrap();
    let mut out = String::new();
    program.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(program.wait().unwrap().success());
    assert_eq!(out, "\"a\"\n");
    drop(input);
}

#[test]
fn ping_and_completion() {
    let node = node();
    let ping = node.run(&["ping", "--count", "2", "--interval", "1ms", "--json"]).json();
    assert_eq!((&ping["node"], &ping["count"]), (&json!(node.name), &json!(2)));
    assert!(node.run(&["completion", "bash"]).out.contains("--connect-timeout"));
}

#[test]
fn lists_and_tuples_of_bytes() {
    let node = node();
    let sent = r#"{"list": "text:hello", "pair": [1, 200]}"#;
    let answer = node.run(&["call", "Store/bytes", sent]).json();
    assert_eq!(answer, json!(["aGVsbG8=", [1, 200]]));
}

#[test]
fn one_instance_is_described() {
    let node = node();
    assert!(node.run(&["describe", "second:Store"]).out.starts_with("second:Store\n"));
    node.run(&["describe", "third:Store"]).fails(6, "has no instance `third:Store`");
}
