//! The settings of a node: from a TOML file, which environment variables override, which flags override.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use grid_kv::node::{Peer, Settings};
use grid_kv::store::Sync;
use grid_openraft::SnapshotRate;
use serde::Deserialize;
use tracing::Level;

use crate::client::read;
use crate::exit::Failure;

/// Flags of a node.
#[derive(Args)]
pub(crate) struct Flags {
    /// A TOML file with the settings below, with `_` instead of `-`
    #[arg(long, env = "KV_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

/// Each setting, if it is given.
#[derive(Args, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Name of this node: the URL at which the others reach it
    #[arg(long, env = "KV_NAME", value_name = "URL")]
    name: Option<String>,
    /// The members when the group begins. Ids are numbers that are never used for another node
    #[arg(long, env = "KV_PEERS", value_name = "ID=URL,ID=URL…", value_delimiter = ',')]
    peers: Option<Vec<Peer>>,
    /// Id of this node, if it is not one of the peers: it waits until it is added to their group with `kv members add`
    #[arg(long, env = "KV_ID", value_name = "ID")]
    id: Option<u64>,
    /// Folder of the log and the state
    #[arg(long, env = "KV_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// When a write counts as stored: when the disk has it, or when the operating system has it [default: always]
    #[arg(long, env = "KV_SYNC", value_enum)]
    sync: Option<Sync>,
    /// Address to listen on for nodes and clients [default: 0.0.0.0:9000]
    #[arg(long, env = "KV_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Address of /livez, /readyz and /metrics [default: 0.0.0.0:9100]
    #[arg(long, env = "KV_PROBES", value_name = "ADDR")]
    probes: Option<String>,
    /// A file with the secret of the nodes. KV_SECRET can contain the secret itself
    #[arg(long, env = "KV_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A file with the secret of clients. KV_CLIENTS_SECRET can contain the secret itself [default: there are none]
    #[arg(long, env = "KV_CLIENTS_SECRET_FILE", value_name = "FILE")]
    clients_secret_file: Option<PathBuf>,
    /// A file with the secret of operators. KV_OPERATORS_SECRET can contain the secret itself [default: there are none]
    #[arg(long, env = "KV_OPERATORS_SECRET_FILE", value_name = "FILE")]
    operators_secret_file: Option<PathBuf>,
    /// With a name that begins with https://: CA of the nodes, PEM
    #[arg(long, env = "KV_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Certificate of this node, PEM
    #[arg(long, env = "KV_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, env = "KV_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Milliseconds before a node stands for election, once twice this time has passed without the leader [default: 500]
    #[arg(long, env = "KV_ELECTION_MS", value_name = "N")]
    election_ms: Option<u64>,
    /// Writes from one snapshot to the next, at most [default: 10000]
    #[arg(long, env = "KV_SNAPSHOT_ENTRIES", value_name = "N")]
    snapshot_entries: Option<u64>,
    /// MiB of the log that are kept for a node that is down or is getting a snapshot, at most [default: 1024]
    #[arg(long, env = "KV_LOG_MIB", value_name = "N")]
    log_mib: Option<NonZeroU32>,
    /// MiB of snapshots that are sent to other nodes in a second, at most. With more, they are there sooner, and everything else is
    /// slower meanwhile [default: 16]
    #[arg(long, env = "KV_SNAPSHOT_MIB_PER_SECOND", value_name = "N")]
    snapshot_mib_per_second: Option<NonZeroU32>,
    /// Seconds from a signal to the end of the links, in which probes see that the node is not ready [default: 0]
    #[arg(long, env = "KV_UNREADY_SECONDS", value_name = "N")]
    unready_seconds: Option<u64>,
    /// Seconds that calls may need to finish after that [default: 20]
    #[arg(long, env = "KV_GRACE_SECONDS", value_name = "N")]
    grace_seconds: Option<u64>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, env = "KV_LOG", value_name = "LEVEL")]
    log: Option<String>,
}

/// The files of TLS.
pub(crate) struct TlsFiles {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the program runs with. Not `Debug`, because it contains secrets.
pub(crate) struct NodeSettings {
    pub(crate) node: Settings,
    pub(crate) listen: String,
    pub(crate) probes: String,
    pub(crate) secret: String,
    pub(crate) clients_secret: Option<String>,
    pub(crate) operators_secret: Option<String>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) unready: Duration,
    pub(crate) grace: Duration,
    pub(crate) log: Level,
}

fn missing(setting: &str, flag: &str, variable: &str) -> Failure {
    Failure::Usage(format!("{setting} is missing: set {setting}, {flag} or {variable}"))
}

/// The secret of a file, or of a variable.
fn secret(
    file: Option<&PathBuf>,
    setting: &str,
    variable: &str,
) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(path) => Some(read(path, setting)?),
        None => std::env::var(variable).ok(),
    };
    Ok(text.map(|text| text.trim().to_owned()))
}

/// Whether the node joins a group that exists already. It is added to the peers then.
fn joins(peers: &mut Vec<Peer>, name: &str, id: Option<u64>) -> Result<bool, Failure> {
    match (peers.iter().find(|peer| peer.name == name), id) {
        (Some(own), Some(id)) if own.id != id => Err(Failure::Usage(format!(
            "id = {id}, but peers has {own}: remove id, or correct it; if node {} was removed from the group, and this is a new one with its name, take {own} out of peers, and keep id = {id} for good",
            own.id
        ))),
        (Some(_), _) => Ok(false),
        (None, Some(id)) => {
            peers.push(Peer { id, name: name.to_owned() });
            Ok(true)
        }
        (None, None) => Err(Failure::Usage(format!(
            "peers: {name} is not one of them: add it if the group is new, or set id, --id or KV_ID to join their group"
        ))),
    }
}

impl Flags {
    /// Reads the file, and returns what applies, or a text that names the setting that is missing or wrong.
    pub(crate) fn settings(self) -> Result<NodeSettings, Failure> {
        let file = match &self.config {
            Some(path) => toml::from_str(&read(path, "config")?)
                .map_err(|error| Failure::Usage(format!("config = {path:?}: {error}")))?,
            None => Given::default(),
        };
        self.given.or(file).resolve()
    }
}

impl Given {
    fn or(self, file: Self) -> Self {
        Self {
            name: self.name.or(file.name),
            peers: self.peers.or(file.peers),
            id: self.id.or(file.id),
            data: self.data.or(file.data),
            sync: self.sync.or(file.sync),
            listen: self.listen.or(file.listen),
            probes: self.probes.or(file.probes),
            secret_file: self.secret_file.or(file.secret_file),
            clients_secret_file: self.clients_secret_file.or(file.clients_secret_file),
            operators_secret_file: self.operators_secret_file.or(file.operators_secret_file),
            tls_ca: self.tls_ca.or(file.tls_ca),
            tls_certificate: self.tls_certificate.or(file.tls_certificate),
            tls_key: self.tls_key.or(file.tls_key),
            election_ms: self.election_ms.or(file.election_ms),
            snapshot_entries: self.snapshot_entries.or(file.snapshot_entries),
            log_mib: self.log_mib.or(file.log_mib),
            snapshot_mib_per_second: self.snapshot_mib_per_second.or(file.snapshot_mib_per_second),
            unready_seconds: self.unready_seconds.or(file.unready_seconds),
            grace_seconds: self.grace_seconds.or(file.grace_seconds),
            log: self.log.or(file.log),
        }
    }

    fn resolve(self) -> Result<NodeSettings, Failure> {
        let name = self.name.clone().ok_or_else(|| missing("name", "--name", "KV_NAME"))?;
        let mut peers =
            self.peers.clone().ok_or_else(|| missing("peers", "--peers", "KV_PEERS"))?;
        let join = joins(&mut peers, &name, self.id)?;
        let data = self.data.clone().ok_or_else(|| missing("data", "--data", "KV_DATA"))?;
        let tls = self.tls(name.starts_with("https://"))?;
        let secrets = |file, setting, variable| secret(file, setting, variable);
        let nodes = secrets(self.secret_file.as_ref(), "secret_file", "KV_SECRET")?;
        let clients = self.clients_secret_file.as_ref();
        let operators = self.operators_secret_file.as_ref();
        let mut node = Settings::new(name, peers, data);
        node.join = join;
        node.sync = self.sync.unwrap_or_default();
        if let Some(milliseconds) = self.election_ms {
            node.election_timeout = Duration::from_millis(milliseconds);
        }
        if let Some(entries) = self.snapshot_entries {
            node.snapshot_entries = entries;
        }
        if let Some(mib) = self.log_mib {
            node.log_bytes_max = u64::from(mib.get()) << 20;
        }
        if let Some(mib) = self.snapshot_mib_per_second {
            node.snapshot_rate = SnapshotRate::bytes_per_second(u64::from(mib.get()) << 20);
        }
        let log = self.log.as_deref().unwrap_or("info");
        let wrong = |_| format!("log = {log:?}: not error, warn, info, debug or trace");
        Ok(NodeSettings {
            node,
            log: log.parse().map_err(wrong).map_err(Failure::Usage)?,
            secret: nodes.ok_or_else(|| missing("secret_file", "--secret-file", "KV_SECRET"))?,
            clients_secret: secrets(clients, "clients_secret_file", "KV_CLIENTS_SECRET")?,
            operators_secret: secrets(operators, "operators_secret_file", "KV_OPERATORS_SECRET")?,
            listen: self.listen.unwrap_or_else(|| "0.0.0.0:9000".to_owned()),
            probes: self.probes.unwrap_or_else(|| "0.0.0.0:9100".to_owned()),
            unready: Duration::from_secs(self.unready_seconds.unwrap_or(0)),
            grace: Duration::from_secs(self.grace_seconds.unwrap_or(20)),
            tls,
        })
    }

    fn tls(&self, is_tls: bool) -> Result<Option<TlsFiles>, Failure> {
        match (is_tls, &self.tls_ca, &self.tls_certificate, &self.tls_key) {
            (true, Some(ca), Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                ca: ca.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            (false, None, None, None) => Ok(None),
            (true, ..) => Err(Failure::Usage(
                "a name with https:// needs tls_ca, tls_certificate and tls_key".into(),
            )),
            (false, ..) => Err(Failure::Usage(
                "tls_ca, tls_certificate and tls_key need a name with https://".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        flags: Flags,
    }

    #[test]
    fn limits_are_those_of_the_file_and_flags() {
        let folder = tempfile::tempdir().unwrap();
        let (config, secret) = (folder.path().join("kv.toml"), folder.path().join("secret"));
        std::fs::write(&config, "log_mib = 64\nsnapshot_mib_per_second = 8\n").unwrap();
        std::fs::write(&secret, "of the nodes").unwrap();
        let node = |flags: &[&str]| {
            let always = ["kv", "--name", "http://n:1", "--peers", "1=http://n:1", "--data", "d"];
            let secret = ["--secret-file", secret.to_str().unwrap()];
            let all = [&always[..], &secret, flags].concat();
            let settings = Program::try_parse_from(all).unwrap().flags.settings();
            settings.unwrap_or_else(|_| panic!("settings")).node
        };
        let rate = |node: &Settings| format!("{:?}", node.snapshot_rate);
        let (default, config) = (node(&[]), config.to_str().unwrap());
        assert_eq!(default.log_bytes_max, 1 << 30);
        assert!(rate(&default).contains("bytes_per_second: Some(16777216)"), "{default:?}");
        let of_file = node(&["--config", config]);
        assert_eq!(of_file.log_bytes_max, 64 << 20);
        assert!(rate(&of_file).contains("bytes_per_second: Some(8388608)"), "{of_file:?}");
        let flags = ["--config", config, "--log-mib", "1", "--snapshot-mib-per-second", "1"];
        let of_flags = node(&flags);
        assert_eq!(of_flags.log_bytes_max, 1 << 20);
        assert!(rate(&of_flags).contains("bytes_per_second: Some(1048576)"), "{of_flags:?}");
    }
}
