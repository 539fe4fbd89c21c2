//! The settings: from a TOML file, which environment variables override, which flags override.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use serde::Deserialize;
use tracing::Level;

/// A node of a replicated service: REST, probes and a grid on one port.
#[derive(Parser)]
#[command(name = "node")]
pub(crate) struct Flags {
    /// A TOML file with the settings below, with `_` instead of `-`
    #[arg(long, env = "NODE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

/// Each setting, if it is given.
#[derive(Args, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Name of this node: the URL at which the others reach it. `https://` needs the three TLS files
    #[arg(long, env = "NODE_NAME", value_name = "URL")]
    name: Option<String>,
    /// The names of all nodes
    #[arg(long, env = "NODE_HOSTS", value_name = "URL,URL…", value_delimiter = ',')]
    hosts: Option<Vec<String>>,
    /// Address to listen on [default: 0.0.0.0:9000]
    #[arg(long, env = "NODE_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// CA of the nodes, PEM
    #[arg(long, env = "NODE_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Certificate of this node, for servers and clients, PEM
    #[arg(long, env = "NODE_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, env = "NODE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Without TLS: a file with the secret of the grid. NODE_SECRET can contain the secret itself
    #[arg(long, env = "NODE_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A file with the secret of operators, who look into nodes with the command `grid`. NODE_OPERATORS_SECRET can contain the
    /// secret itself [default: there are none]
    #[arg(long, env = "NODE_OPERATORS_SECRET_FILE", value_name = "FILE")]
    operators_secret_file: Option<PathBuf>,
    /// Which nodes must be connected before this one is ready [default: majority]
    #[arg(long, env = "NODE_READY_WHEN", value_enum)]
    ready_when: Option<ReadyWhen>,
    /// Seconds from a signal to the end of the links, in which load balancers notice [default: 0]
    #[arg(long, env = "NODE_UNREADY_SECONDS", value_name = "N")]
    unready_seconds: Option<u64>,
    /// Seconds that calls may need to finish after that [default: 20]
    #[arg(long, env = "NODE_GRACE_SECONDS", value_name = "N")]
    grace_seconds: Option<u64>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, env = "NODE_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// Share of the requests whose calls are traced, from 0 to 1. The log has a line for each of their spans [default: 0]
    #[arg(long, env = "NODE_TRACE_SHARE", value_name = "SHARE")]
    trace_share: Option<f64>,
}

/// Which nodes must be connected before a node is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReadyWhen {
    All,
    /// This node and its connected peers are more than half of all nodes.
    Majority,
}

/// How nodes prove to each other who they are.
pub(crate) enum Auth {
    Secret(String),
    Certificates { ca: PathBuf, certificate: PathBuf, key: PathBuf },
}

/// What the node runs with. Not `Debug`, because it contains the secret.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) listen: String,
    pub(crate) auth: Auth,
    pub(crate) operators_secret: Option<String>,
    pub(crate) ready_when: ReadyWhen,
    pub(crate) unready: Duration,
    pub(crate) grace: Duration,
    pub(crate) log: Level,
    pub(crate) trace_share: f64,
}

impl Flags {
    /// Reads the file, and returns what applies, or a text that names the setting that is missing or wrong.
    pub(crate) fn settings(self) -> Result<Settings, String> {
        let file = match &self.config {
            Some(path) => toml::from_str(&read(path, "config")?)
                .map_err(|error| format!("config = {path:?}: {error}"))?,
            None => Given::default(),
        };
        let secret = |variable| std::env::var(variable).ok();
        self.given.or(file).resolve(secret("NODE_SECRET"), secret("NODE_OPERATORS_SECRET"))
    }
}

impl Given {
    fn or(self, file: Self) -> Self {
        Self {
            name: self.name.or(file.name),
            hosts: self.hosts.or(file.hosts),
            listen: self.listen.or(file.listen),
            tls_ca: self.tls_ca.or(file.tls_ca),
            tls_certificate: self.tls_certificate.or(file.tls_certificate),
            tls_key: self.tls_key.or(file.tls_key),
            secret_file: self.secret_file.or(file.secret_file),
            operators_secret_file: self.operators_secret_file.or(file.operators_secret_file),
            ready_when: self.ready_when.or(file.ready_when),
            unready_seconds: self.unready_seconds.or(file.unready_seconds),
            grace_seconds: self.grace_seconds.or(file.grace_seconds),
            log: self.log.or(file.log),
            trace_share: self.trace_share.or(file.trace_share),
        }
    }

    fn resolve(
        self,
        secret: Option<String>,
        operators: Option<String>,
    ) -> Result<Settings, String> {
        let name = self.name.clone().ok_or("name is missing: set name, --name or NODE_NAME")?;
        let hosts =
            self.hosts.clone().ok_or("hosts is missing: set hosts, --hosts or NODE_HOSTS")?;
        let auth = self.auth(name.starts_with("https://"), secret)?;
        let operators_secret = match &self.operators_secret_file {
            Some(path) => Some(read(path, "operators_secret_file")?),
            None => operators,
        };
        let log = self.log.as_deref().unwrap_or("info");
        let trace_share = self.trace_share.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&trace_share) {
            return Err(format!("trace_share = {trace_share}: not from 0 to 1"));
        }
        Ok(Settings {
            log: log
                .parse()
                .map_err(|_| format!("log = {log:?}: not error, warn, info, debug or trace"))?,
            listen: self.listen.unwrap_or_else(|| "0.0.0.0:9000".to_owned()),
            ready_when: self.ready_when.unwrap_or(ReadyWhen::Majority),
            unready: Duration::from_secs(self.unready_seconds.unwrap_or(0)),
            grace: Duration::from_secs(self.grace_seconds.unwrap_or(20)),
            trace_share,
            operators_secret: operators_secret.map(|secret| secret.trim().to_owned()),
            name,
            hosts,
            auth,
        })
    }

    fn auth(&self, is_tls: bool, secret: Option<String>) -> Result<Auth, String> {
        let files = [&self.tls_ca, &self.tls_certificate, &self.tls_key];
        match (is_tls, files) {
            (true, [Some(ca), Some(certificate), Some(key)]) => Ok(Auth::Certificates {
                ca: ca.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (true, _) => {
                Err("a name with https:// needs tls_ca, tls_certificate and tls_key".into())
            }
            (false, [None, None, None]) => {
                let secret = match &self.secret_file {
                    Some(path) => read(path, "secret_file")?,
                    None => secret.ok_or("secret_file is missing: set it or NODE_SECRET")?,
                };
                Ok(Auth::Secret(secret.trim().to_owned()))
            }
            (false, _) => {
                Err("tls_ca, tls_certificate and tls_key need a name with https://".into())
            }
        }
    }
}

fn read(path: &Path, setting: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{setting} = {path:?}: {error}"))
}
