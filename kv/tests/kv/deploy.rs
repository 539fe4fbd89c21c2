//! Checks that the manifest in `deploy/` fits the program.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::process::Command;

const MANIFESTS: &str = include_str!("../../../deploy/kubernetes/kv.yaml");

/// How long a leader may take to pass the leadership on, and writes to end after that.
const PASS_ON_SECONDS: u64 = 4;

#[track_caller]
fn get<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

#[track_caller]
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(path).unwrap_or_else(|| panic!("no {path} in {object:#}"))
}

fn file(objects: &[Value]) -> &str {
    at(get(objects, "ConfigMap"), "/data/kv.toml").as_str().unwrap()
}

fn settings(objects: &[Value]) -> toml::Table {
    file(objects).parse().unwrap()
}

#[test]
fn the_pods_are_the_peers_and_have_their_ids() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(MANIFESTS).unwrap();
    let set = get(&objects, "StatefulSet");
    let (name, service) = (at(set, "/metadata/name"), at(set, "/spec/serviceName"));
    assert_eq!(at(get(&objects, "Service"), "/metadata/name"), service);
    let (name, service) = (name.as_str().unwrap(), service.as_str().unwrap());
    let replicas = at(set, "/spec/replicas").as_u64().unwrap();
    let peers: Vec<_> =
        (0..replicas).map(|pod| format!("{pod}=https://{name}-{pod}.{service}:9000")).collect();
    assert_eq!(settings(&objects)["peers"], toml::Value::from(peers));

    let pod = at(set, "/spec/template/spec");
    let env = at(pod, "/containers/0/env").as_array().unwrap();
    let variable = |name: &str| env.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(variable("KV_NAME")["value"], format!("https://$(POD_NAME).{service}:9000"));
    let id = at(variable("KV_ID"), "/valueFrom/fieldRef/fieldPath");
    assert_eq!(id, "metadata.labels['apps.kubernetes.io/pod-index']");
    // Otherwise KV_PORT and others are beside the settings.
    assert_eq!(at(pod, "/enableServiceLinks"), false);
    let labels = at(set, "/spec/template/metadata/labels");
    let budget = get(&objects, "PodDisruptionBudget");
    for selector in [
        at(set, "/spec/selector/matchLabels"),
        at(get(&objects, "Service"), "/spec/selector"),
        at(budget, "/spec/selector/matchLabels"),
    ] {
        assert_eq!(selector, labels);
    }
    // They elect a leader before they are ready.
    assert_eq!(at(get(&objects, "Service"), "/spec/publishNotReadyAddresses"), true);
    assert_eq!(at(set, "/spec/podManagementPolicy"), "Parallel");
}

#[test]
fn ports_files_and_times_fit() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(MANIFESTS).unwrap();
    let settings = settings(&objects);
    let pod = at(get(&objects, "StatefulSet"), "/spec/template/spec");
    let container = at(pod, "/containers/0");
    for (setting, port) in [("listen", 0), ("probes", 1)] {
        let port = at(container, &format!("/ports/{port}/containerPort"));
        assert_eq!(settings[setting].as_str().unwrap(), format!("0.0.0.0:{port}"));
    }
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = at(&container[probe], "/httpGet");
        assert_eq!((&get["path"], &get["port"]), (&path.into(), &"probes".into()));
    }
    let mounts = at(container, "/volumeMounts").as_array().unwrap();
    let mounts: BTreeSet<_> =
        mounts.iter().map(|mount| mount["mountPath"].as_str().unwrap()).collect();
    for setting in ["data", "secret_file", "tls_ca", "tls_certificate", "tls_key"] {
        let (folder, _) = settings[setting].as_str().unwrap().rsplit_once('/').unwrap();
        assert!(mounts.contains(folder), "{setting} is in {folder}, which is not mounted");
    }
    assert!(mounts.contains(at(container, "/args/2").as_str().unwrap()));
    let seconds = |name: &str| u64::try_from(settings[name].as_integer().unwrap()).unwrap();
    let needed = seconds("unready_seconds") + PASS_ON_SECONDS + seconds("grace_seconds");
    let given = at(pod, "/terminationGracePeriodSeconds").as_u64().unwrap();
    assert!(given > needed, "{given} s, but {needed} s are needed");
}

/// The program knows all settings of the manifest, and fails at the first file, which is not on this machine.
#[tokio::test]
async fn the_program_accepts_the_settings() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(MANIFESTS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kv.toml");
    std::fs::write(&config, file(&objects)).unwrap();
    let run = |index: &'static str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kv"));
        command.env_clear().arg("node").arg("--config").arg(&config).kill_on_drop(true);
        command.env("KV_NAME", format!("https://kv-{index}.kv:9000")).env("KV_ID", index);
        async move {
            let output = command.output().await.unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        }
    };
    // One of the first, and one that joins.
    for index in ["0", "3"] {
        let (code, errors) = run(index).await;
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains("secret_file = \"/etc/kv/secrets/nodes\""), "{errors}");
    }
}
