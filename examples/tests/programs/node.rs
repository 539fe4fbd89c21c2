//! `node` as processes: items through any node, probes, signals, and TLS for users and nodes on one port.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use hyper::{Request, Response, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::client::{LIMIT, send, trusting};
use crate::ports::names;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A running node.
pub(crate) struct Node {
    name: String,
    child: Child,
    tls: Option<TlsConnector>,
}

impl Node {
    /// Starts a node with these further settings.
    pub(crate) fn start(name: &str, hosts: &[String], settings: &[(&str, &str)]) -> Self {
        Self::start_logging(name, hosts, settings, Stdio::inherit())
    }

    pub(crate) fn start_logging(
        name: &str,
        hosts: &[String],
        settings: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let (_, address) = name.split_once("://").unwrap();
        let child = program()
            .args(["--name", name, "--listen", address, "--hosts", &hosts.join(",")])
            .env("NODE_LOG", "error")
            .envs(settings.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { name: name.to_owned(), child, tls: None }
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        send(&self.name, self.tls.as_ref(), Request::get(path), "").await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> StatusCode {
        let body = body.to_owned();
        send(&self.name, self.tls.as_ref(), Request::put(path), body).await.unwrap().status()
    }

    /// Asks until the node answers with this status and text, as a probe does.
    pub(crate) async fn becomes(&self, status: StatusCode, text: &str) {
        let mut last = String::new();
        let asking = async {
            loop {
                match send(&self.name, self.tls.as_ref(), Request::get("/readyz"), "").await {
                    Ok(answer) => {
                        let body = String::from_utf8_lossy(answer.body()).into_owned();
                        if answer.status() == status && body.contains(text) {
                            return;
                        }
                        last = format!("{} {body}", answer.status());
                    }
                    Err(error) => last = error.to_string(),
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let is_found = timeout(LIMIT, asking).await.is_ok();
        assert!(is_found, "{} waits for {status} {text:?}; the last answer: {last}", self.name);
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }
}

fn owner(answer: &Response<Bytes>) -> &str {
    answer.headers()["x-owner"].to_str().unwrap()
}

#[tokio::test]
async fn three_nodes_share_items_and_notice_who_is_missing() {
    let names = names::<3>();
    let secret = ("NODE_SECRET", "correct horse");
    let settings = [
        vec![secret, ("NODE_READY_WHEN", "all")],
        vec![secret, ("NODE_UNREADY_SECONDS", "3"), ("NODE_GRACE_SECONDS", "5")],
        vec![secret],
    ];
    let start = |at: usize| Node::start(&names[at], &names, &settings[at]);
    let mut nodes = [0, 1, 2].map(start);
    for node in nodes.iter() {
        node.becomes(StatusCode::OK, "3 of 3 nodes").await;
    }

    let mut owners = Vec::new();
    for number in 0..30 {
        let (path, text) = (format!("/items/{number}"), format!("the item {number}"));
        assert_eq!(nodes[0].get(&path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(nodes[number % 3].put(&path, &text).await, StatusCode::NO_CONTENT);
        for node in nodes.iter() {
            let answer = node.get(&path).await;
            assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, text.as_bytes()));
            owners.push((owner(&answer).to_owned(), path.clone()));
        }
    }
    let item_of = |name: &String| &owners.iter().find(|(owner, _)| owner == name).unwrap().1;
    let long = "x".repeat(64 * 1024 + 1);
    assert_eq!(nodes[0].put("/items/long", &long).await, StatusCode::PAYLOAD_TOO_LARGE);
    let [strict, lenient, killed] = &mut nodes;

    killed.child.kill().await.unwrap();
    strict
        .becomes(StatusCode::SERVICE_UNAVAILABLE, &format!("2 of 3 nodes\n{}: ", killed.name))
        .await;
    lenient.becomes(StatusCode::OK, &format!("2 of 3 nodes\n{}: ", killed.name)).await;
    assert_eq!(strict.get("/livez").await.status(), StatusCode::OK);
    let answer = strict.get(item_of(&killed.name)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(String::from_utf8_lossy(answer.body()).contains(&killed.name), "{answer:?}");

    let started = Instant::now();
    lenient.signal("-TERM").await;
    lenient.becomes(StatusCode::SERVICE_UNAVAILABLE, "stopping").await;
    // It serves until load balancers have noticed.
    assert_eq!(lenient.get(item_of(&strict.name)).await.status(), StatusCode::OK);
    let status = timeout(LIMIT, lenient.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    let took = started.elapsed();
    assert!((3..10).contains(&took.as_secs()), "{took:?}");

    strict.signal("-INT").await;
    assert!(timeout(LIMIT, strict.child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let [name] = names();
    let settings = [("NODE_SECRET", "correct horse"), ("NODE_UNREADY_SECONDS", "600")];
    let mut node = Node::start(&name, std::slice::from_ref(&name), &settings);
    node.becomes(StatusCode::OK, "1 of 1 nodes").await;
    node.signal("-TERM").await;
    node.becomes(StatusCode::SERVICE_UNAVAILABLE, "stopping").await;
    node.signal("-TERM").await;
    assert_eq!(timeout(LIMIT, node.child.wait()).await.unwrap().unwrap().code(), Some(1));
}

/// Writes the files of a CA that signs for this host, and returns the certificate of the CA.
fn certificates(folder: &Path, host: &str) -> grid::rustls::pki_types::CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let files =
        [("ca.pem", ca.pem()), ("node.pem", certificate.pem()), ("node.key", key.serialize_pem())];
    for (name, pem) in files {
        std::fs::write(folder.join(name), pem).unwrap();
    }
    ca.der().clone()
}

#[tokio::test]
async fn users_need_no_certificate_and_nodes_do() {
    let names = names::<2>().map(|name| name.replace("http://", "https://"));
    let host = names[0].trim_start_matches("https://").split(':').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = trusting(&certificates(folder.path(), host));
    let config = folder.path().join("node.toml");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = format!(
        "tls_ca = {:?}\ntls_certificate = {:?}\ntls_key = {:?}\nready_when = 'all'\n",
        file("ca.pem"),
        file("node.pem"),
        file("node.key"),
    );
    std::fs::write(&config, settings).unwrap();
    let config = config.to_str().unwrap();
    let nodes = names.each_ref().map(|name| {
        let node = Node::start(name, &names, &[("NODE_CONFIG", config)]);
        Node { tls: Some(tls.clone()), ..node }
    });
    for node in &nodes {
        node.becomes(StatusCode::OK, "2 of 2 nodes").await;
    }
    let mut owners = Vec::new();
    for number in 0..20 {
        let path = format!("/items/{number}");
        assert_eq!(nodes[0].put(&path, "1").await, StatusCode::NO_CONTENT);
        let answer = nodes[1].get(&path).await;
        assert_eq!(answer.body(), "1");
        owners.push(owner(&answer).to_owned());
    }
    owners.sort();
    owners.dedup();
    assert_eq!(owners.len(), 2, "both nodes own items");

    // What a node sends, from a client without a certificate.
    let upgrade = Request::get(grid::ROUTE)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let refused = send(&nodes[0].name, Some(&tls), upgrade, "").await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let text = String::from_utf8_lossy(refused.body());
    assert!(text.contains("no client certificate"), "{text}");
    // Nor without TLS.
    let plain = nodes[0].name.replace("https://", "http://");
    assert!(send(&plain, None, Request::get("/livez"), "").await.is_err());
}

#[tokio::test]
async fn errors_name_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.toml", "nam = 'http://node1:9000'\n");
    let wrong = file("wrong.toml", "unready_seconds = 'a while'\n");
    let (name, hosts) = (["--name", "http://n:1"], ["--hosts", "http://n:1"]);
    let base = [name, hosts].concat();
    let tls = ["--name", "https://n:1", "--hosts", "https://n:1", "--tls-ca", "ca.pem"];
    let cases: [(&[&str], &str); 8] = [
        (&[], "name is missing"),
        (&name, "hosts is missing"),
        (&base, "secret_file is missing"),
        (&["--config", &unknown], "unknown field `nam`"),
        (&["--config", &wrong], "unready_seconds"),
        (&["--config", "/does/not/exist"], "config = \"/does/not/exist\""),
        (&tls, "needs tls_ca, tls_certificate and tls_key"),
        (&[&base[..], &["--ready-when", "never"]].concat(), "--ready-when"),
    ];
    for (args, expected) in cases {
        let output = program().args(args).output().await.unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?} {printed}");
        assert!(printed.contains(expected), "{args:?} {printed}");
    }
    let args = [&base[..], &["--log", "loud"]].concat();
    let output = program().args(args).env("NODE_SECRET", "s").output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("log = \"loud\"") && !printed.contains("NODE_SECRET"), "{printed}");
    let args = [&base[..], &["--trace-share", "2"]].concat();
    let output = program().args(args).env("NODE_SECRET", "s").output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("trace_share = 2: not from 0 to 1"), "{printed}");
}
