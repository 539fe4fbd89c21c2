//! Nodes and clients over TLS.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kv");

/// Writes the files of a CA and of a node with this host.
fn certificates(folder: &Path, host: &str) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let params = CertificateParams::new([host.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let files =
        [("ca.pem", ca.pem()), ("node.pem", certificate.pem()), ("node.key", key.serialize_pem())];
    for (name, pem) in files {
        std::fs::write(folder.join(name), pem).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_clients_use_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let addresses: [String; 6] = std::array::from_fn(|_| super::processes::free_address().unwrap());
    let (host, _) = addresses[0].split_once(':').unwrap();
    certificates(folder.path(), host);
    let names = [0, 1, 2].map(|at| format!("https://{}", addresses[at]));
    let peers: Vec<_> = names.iter().enumerate().map(|(at, name)| format!("{at}={name}")).collect();
    // The settings that all share are in a file, as in a deployment.
    let (ca, certificate, key) = (file("ca.pem"), file("node.pem"), file("node.key"));
    let settings = format!(
        "peers = {peers:?}\ntls_ca = {ca:?}\ntls_certificate = {certificate:?}\ntls_key = {key:?}\nlog = 'warn'\n"
    );
    std::fs::write(folder.path().join("kv.toml"), settings).unwrap();
    let start = |at: usize| {
        Command::new(PROGRAM)
            .args(["node", "--config", &file("kv.toml"), "--name", &names[at]])
            .args(["--listen", &addresses[at], "--probes", &addresses[at + 3]])
            .args(["--data", &file(&at.to_string())])
            .envs([("KV_SECRET", "nodes"), ("KV_CLIENTS_SECRET", "clients")])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    };
    let _nodes = [0, 1, 2].map(start);
    let nodes = names.join(",");
    let client = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).args(["--nodes", &nodes]).env("KV_TIMEOUT_SECONDS", "60");
        command.env("KV_CLIENTS_SECRET", "clients").kill_on_drop(true);
        command
    };
    let put = client(&["put", "a", "1", "--tls-ca", &ca]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&put.stdout), "revision 1\n", "{put:?}");
    let get = client(&["get", "a", "--tls-ca", &ca]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&get.stdout), "1\n", "{get:?}");
    // The CA is none of the system's.
    let mut refused = client(&["get", "a", "--timeout-seconds", "3"]);
    let refused = tokio::time::timeout(Duration::from_secs(60), refused.output()).await;
    let refused = refused.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{errors}");
    assert!(errors.contains("certificate"), "{errors}");
}
