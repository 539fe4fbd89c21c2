//! Nodes tell what they serve.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::BTreeMap;

use grid::reflection::{ReflectionClient, ServiceDescription};
use grid::{
    CallError, Denied, ErrorCode, Incoming, Manager, MethodKind, NoAuth, Outgoing, RemoteError,
};
use serde::{Deserialize, Serialize};

/// Keeps notes.
#[grid::service]
trait Notes {
    /// Adds one.
    #[handler(idempotent, timeout = "5s", request_bytes_max = 4096)]
    async fn add(&self, name: String, text: String) -> Result<u64, RemoteError>;
    #[handler(id = 9, outgoing = 7, compact)]
    async fn watch(&self, from: u64, out: Outgoing<String>) -> Result<(), RemoteError>;
    #[handler(blocking)]
    fn count(&self) -> u64;
    async fn merge(&self, input: Incoming<String>) -> Result<u64, RemoteError>;
}

struct Empty;

impl Notes for Empty {
    async fn add(&self, _name: String, _text: String) -> Result<u64, RemoteError> {
        Ok(1)
    }
    async fn watch(&self, _from: u64, _out: Outgoing<String>) -> Result<(), RemoteError> {
        Ok(())
    }
    fn count(&self) -> u64 {
        0
    }
    async fn merge(&self, _input: Incoming<String>) -> Result<u64, RemoteError> {
        Ok(0)
    }
}

const NODE: &str = "http://node1:9000";

fn reflection(node: &Manager) -> ReflectionClient {
    ReflectionClient::new(node.connection(NODE).unwrap())
}

fn code(error: &CallError) -> ErrorCode {
    match error {
        CallError::Remote(error) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_services_are_listed_and_described() {
    let node = Manager::builder(NODE)
        .service(NotesServer::new(Empty))
        .service(NotesServer::new(Empty).subroute("second"))
        .build()
        .unwrap();
    let client = reflection(&node);
    assert_eq!(client.node().await.unwrap().name, NODE);
    let services = client.services().await.unwrap();
    let names: Vec<_> = services.iter().map(|of| (&*of.name, of.subroute.as_deref())).collect();
    assert_eq!(names, [("Notes", None), ("Notes", Some("second")), ("grid.Reflection", None)]);
    assert_eq!(node.services().len(), 2, "its own are those of the application");

    let [first, second] = &client.describe("Notes".into()).await.unwrap()[..] else {
        panic!("both instances")
    };
    assert_eq!((&*first.docs, second.subroute.as_deref()), ("Keeps notes.", Some("second")));
    assert_eq!(*first, ServiceDescription::of(NotesClient::DESCRIPTOR));
    let add = first.method("add").unwrap();
    assert_eq!(add.signature, "add(name: String, text: String) -> Result<u64, RemoteError>");
    assert_eq!((add.timeout_ms, add.request_bytes_max), (Some(5000), Some(4096)));
    assert!(add.idempotent && !add.blocking && !add.compact);
    assert_eq!((&*add.docs, add.schemas.as_ref()), ("Adds one.", None));
    let watch = first.method("watch").unwrap();
    assert_eq!((watch.id, watch.kind, watch.compact), (9, MethodKind::ServerStream, true));
    assert_eq!((watch.incoming, watch.outgoing), (None, Some(7)));
    let sent: Vec<_> = watch.arguments.iter().map(|of| (&*of.name, &*of.ty)).collect();
    assert_eq!(sent, [("from", "u64")], "not the output");
    let merge = first.method("merge").unwrap();
    assert_eq!((merge.arguments.len(), merge.kind), (0, MethodKind::ClientStream));
    assert!(client.describe("Unknown".into()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_service_can_be_switched_off_and_forbidden() {
    let off = Manager::builder(NODE).reflection(false).build().unwrap();
    let refused = reflection(&off).services().await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::UnknownHandler);
    let forbidden = Manager::builder(NODE)
        .token(NoAuth)
        .service(NotesServer::new(Empty))
        .permit(|call| match call.service() {
            "grid.Reflection" => Err(Denied::new("for operators only")),
            _ => Ok(()),
        })
        .build()
        .unwrap();
    let refused = reflection(&forbidden).describe("Notes".into()).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::NotPermitted);
    assert!(!refused.to_string().contains("Notes"), "{refused}");
}

/// Later versions may add fields, and earlier ones do not have all.
#[test]
fn descriptions_of_other_versions_are_read() {
    #[derive(Serialize, Deserialize)]
    struct Later {
        name: String,
        methods: Vec<BTreeMap<String, u32>>,
        added_later: u32,
    }
    let later = Later { name: "Notes".into(), methods: Vec::new(), added_later: 1 };
    let text = serde_json::to_string(&later).unwrap();
    let read: ServiceDescription = serde_json::from_str(&text).unwrap();
    assert_eq!((&*read.name, &*read.docs), ("Notes", ""));
}

/// With `#[grid::service(schema)]`.
#[cfg(feature = "schema")]
mod schemas {
    use bytes::Bytes;
    use grid::{Incoming, Outgoing, Raw, RemoteError};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Entry {
        zebra: String,
        #[serde(default)]
        apple: Option<u8>,
        data: Vec<u8>,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
    enum NoEntry {
        #[error("no such name")]
        Unknown(String),
    }

    #[grid::service(schema)]
    trait Entries {
        async fn put(&self, entry: Entry, overwrite: bool) -> Result<u64, NoEntry>;
        async fn blob(&self, data: Raw) -> Bytes;
        async fn copy(
            &self,
            input: Incoming<Entry>,
            out: Outgoing<String>,
        ) -> Result<(), RemoteError>;
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_value_of_a_method_has_a_schema() {
        let of = |name: &str| {
            let methods = EntriesClient::DESCRIPTOR.methods();
            methods.iter().find(|method| method.name() == name).unwrap().schemas().unwrap()
        };
        let put = of("put");
        let entry = value(&put.arguments[0]);
        let fields: Vec<_> = entry["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["zebra", "apple", "data"], "in the order of the struct");
        assert_eq!(entry["required"], json!(["zebra", "data"]));
        assert_eq!(entry["properties"]["data"]["items"]["format"], "uint8");
        assert_eq!(value(&put.arguments[1])["type"], "boolean");
        assert_eq!(value(put.output.as_ref().unwrap())["format"], "uint64");
        assert!(put.error.unwrap().contains("Unknown"));
        let blob = of("blob");
        assert_eq!(value(&blob.arguments[0])["x-grid-raw"], true);
        assert_eq!(value(&blob.output.unwrap())["items"]["format"], "uint8");
        let copy = of("copy");
        assert!(copy.arguments.is_empty() && copy.error.is_none());
        assert_eq!(value(&copy.input.unwrap())["title"], "Entry");
        assert_eq!(value(&copy.output.unwrap())["type"], "string");
    }
}
