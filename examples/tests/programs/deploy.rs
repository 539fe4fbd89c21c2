//! Checks that the files in `deploy/` fit the program and each other.

use std::process::Command;

use serde_json::Value;

/// What `door.rs` allows for the last responses.
const CLOSE_SECONDS: u64 = 2;

const MANIFESTS: &str = include_str!("../../../deploy/kubernetes/node.yaml");
const CERTIFICATES: &str = include_str!("../../../deploy/kubernetes/certificates.yaml");
const PROMETHEUS: &str = include_str!("../../../deploy/prometheus/prometheus.yaml");
const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yaml");
const UNIT: &str = include_str!("../../../deploy/systemd/node.service");
const UNIT_SETTINGS: &str = include_str!("../../../deploy/systemd/node.toml");

/// The documents of a file, each with this kind and name.
struct Objects(Vec<Value>);

impl Objects {
    fn read(yaml: &str) -> Self {
        Self(serde_saphyr::from_multiple(yaml).unwrap())
    }

    #[track_caller]
    fn get(&self, kind: &str, name: &str) -> &Value {
        let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        self.0.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
    }
}

#[track_caller]
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(path).unwrap_or_else(|| panic!("no {path} in {object:#}"))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

fn number(settings: &toml::Table, name: &str) -> u64 {
    settings[name].as_integer().unwrap().try_into().unwrap()
}

/// The names of the nodes that a set of pods has.
fn pods(set: &Value) -> Vec<String> {
    let (name, service) = (at(set, "/metadata/name"), at(set, "/spec/serviceName"));
    let (name, service) = (name.as_str().unwrap(), service.as_str().unwrap());
    let replicas = at(set, "/spec/replicas").as_u64().unwrap();
    (0..replicas).map(|pod| format!("https://{name}-{pod}.{service}:9000")).collect()
}

#[test]
fn the_pods_are_the_hosts_and_have_certificates() {
    let objects = Objects::read(MANIFESTS);
    let set = objects.get("StatefulSet", "node");
    let config = at(objects.get("ConfigMap", "node"), "/data/node.toml").as_str().unwrap();
    let config: toml::Table = config.parse().unwrap();
    let hosts: Vec<_> =
        config["hosts"].as_array().unwrap().iter().map(|host| host.as_str().unwrap()).collect();
    assert_eq!(hosts, pods(set));

    let pod = at(set, "/spec/template/spec");
    let env = at(pod, "/containers/0/env").as_array().unwrap();
    let own = env.iter().find(|variable| variable["name"] == "NODE_NAME").unwrap();
    assert_eq!(own["value"], "https://$(POD_NAME).node:9000");

    let certificates = Objects::read(CERTIFICATES);
    let certificate = certificates.get("Certificate", "node");
    let names = texts(at(certificate, "/spec/dnsNames"));
    for host in hosts {
        let host = host.strip_prefix("https://").unwrap().strip_suffix(":9000").unwrap();
        assert!(names.contains(&host), "no certificate for {host}");
    }
    let usages = texts(at(certificate, "/spec/usages"));
    assert!(usages.contains(&"server auth") && usages.contains(&"client auth"));
    let secret = at(pod, "/volumes/1/secret/secretName");
    assert_eq!(secret, at(certificate, "/spec/secretName"));
    let mount = at(pod, "/containers/0/volumeMounts/1");
    let folder = at(mount, "/mountPath").as_str().unwrap();
    for (setting, file) in
        [("tls_ca", "ca.crt"), ("tls_certificate", "tls.crt"), ("tls_key", "tls.key")]
    {
        assert_eq!(config[setting].as_str().unwrap(), format!("{folder}/{file}"));
    }
    assert_eq!(mount.get("subPath"), None, "new certificates must arrive in the pod");
}

#[test]
fn pods_find_each_other_before_they_are_ready() {
    let objects = Objects::read(MANIFESTS);
    let set = objects.get("StatefulSet", "node");
    let headless = objects.get("Service", at(set, "/spec/serviceName").as_str().unwrap());
    assert_eq!(at(headless, "/spec/clusterIP"), "None");
    assert_eq!(at(headless, "/spec/publishNotReadyAddresses"), true);
    assert_eq!(at(set, "/spec/podManagementPolicy"), "Parallel");
    let users = objects.get("Service", "node-users");
    assert_eq!(users.pointer("/spec/publishNotReadyAddresses"), None);
    let labels = at(set, "/spec/template/metadata/labels");
    let budget = objects.get("PodDisruptionBudget", "node");
    let selectors = [
        at(set, "/spec/selector/matchLabels"),
        at(headless, "/spec/selector"),
        at(users, "/spec/selector"),
        at(budget, "/spec/selector/matchLabels"),
    ];
    assert!(selectors.iter().all(|selector| *selector == labels));
}

#[test]
fn probes_and_times_fit_the_program() {
    let objects = Objects::read(MANIFESTS);
    let pod = at(objects.get("StatefulSet", "node"), "/spec/template/spec");
    let container = at(pod, "/containers/0");
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = at(&container[probe], "/httpGet");
        assert_eq!((&get["path"], &get["scheme"]), (&path.into(), &"HTTPS".into()));
        assert_eq!(get["port"], container["ports"][0]["name"]);
    }
    assert_eq!(container["ports"][0]["containerPort"], 9000);

    let config = at(objects.get("ConfigMap", "node"), "/data/node.toml").as_str().unwrap();
    let config: toml::Table = config.parse().unwrap();
    let ends = |config: &toml::Table| {
        number(config, "unready_seconds") + number(config, "grace_seconds") + CLOSE_SECONDS
    };
    let limit = at(pod, "/terminationGracePeriodSeconds").as_u64().unwrap();
    assert!(limit > ends(&config), "SIGKILL comes too early");
    // Until a probe has failed as often as it must.
    let probe = &container["readinessProbe"];
    let noticed =
        probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
    assert!(noticed < number(&config, "unready_seconds"), "the links end before that is noticed");

    let unit: toml::Table = UNIT_SETTINGS.parse().unwrap();
    let limit = UNIT.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(limit.parse::<u64>().unwrap() > ends(&unit), "SIGKILL comes too early");
}

#[test]
fn prometheus_finds_the_pods() {
    let prometheus: Value = serde_saphyr::from_str(PROMETHEUS).unwrap();
    assert_eq!(prometheus["rule_files"][0], "alerts.yaml");
    let job = at(&prometheus, "/scrape_configs/0");
    let name = job["job_name"].as_str().unwrap();
    for condition in ALERTS.split("job=\"").skip(1) {
        assert_eq!(condition.split_once('"').unwrap().0, name);
    }
    assert_eq!((&job["scheme"], &job["metrics_path"]), (&"https".into(), &"/metrics".into()));

    let objects = Objects::read(MANIFESTS);
    let template = at(objects.get("StatefulSet", "node"), "/spec/template");
    let pod = at(template, "/metadata/labels/app").as_str().unwrap();
    let port = at(template, "/spec/containers/0/ports/0/name").as_str().unwrap();
    assert_eq!(at(job, "/relabel_configs/0/regex"), &format!("{pod};{port}"));
    let certificates = Objects::read(CERTIFICATES);
    let names = texts(at(certificates.get("Certificate", "node"), "/spec/dnsNames"));
    assert!(names.contains(&at(job, "/tls_config/server_name").as_str().unwrap()));
}

/// The program reads the settings: it fails only because there are no certificates.
#[test]
fn the_program_accepts_the_settings() {
    let objects = Objects::read(MANIFESTS);
    let config = at(objects.get("ConfigMap", "node"), "/data/node.toml").as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    for (settings, name) in [(config, "node-0.node"), (UNIT_SETTINGS, "node1.example")] {
        std::fs::write(&path, settings).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_node"))
            .env_clear()
            .env("NODE_NAME", format!("https://{name}:9000"))
            .envs(
                ["CA", "CERTIFICATE", "KEY"].map(|file| (format!("NODE_TLS_{file}"), "/none.pem")),
            )
            .arg("--config")
            .arg(&path)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains("/none.pem"), "{printed}");
    }
}

#[test]
fn the_unit_passes_its_credentials_on() {
    let loaded: Vec<_> = UNIT
        .lines()
        .filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let variables = UNIT.lines().filter_map(|line| line.strip_prefix("Environment="));
    let used = variables.flat_map(str::split_whitespace).map(|variable| {
        let (name, value) = variable.split_once('=').unwrap();
        assert!(["NODE_TLS_CA", "NODE_TLS_CERTIFICATE", "NODE_TLS_KEY"].contains(&name));
        value.strip_prefix("%d/").unwrap()
    });
    assert_eq!(used.collect::<Vec<_>>(), loaded);
}
