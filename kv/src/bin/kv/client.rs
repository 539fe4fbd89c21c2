//! [`Target`]: which store the commands of clients are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use grid::{SharedSecret, Tls};
use grid_kv::client::Client;
use serde::Deserialize;

use crate::exit::Failure;

/// Time that an operation has, if nothing else is set: several failovers.
const TIMEOUT_SECONDS: u64 = 10;

/// The same for operators: a member that is added may have to receive everything first.
const OPERATOR_TIMEOUT_SECONDS: u64 = 60;

/// Which store, from flags, the environment and a file.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// A TOML file with the settings below, with `_` instead of `-`
    #[arg(long, env = "KV_CLIENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

/// Each setting, if it is given.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Names of some nodes. The client finds the leader by itself
    #[arg(long, env = "KV_NODES", value_name = "URL,URL…", value_delimiter = ',')]
    nodes: Option<Vec<String>>,
    /// A file with the secret of clients, or of operators. KV_CLIENTS_SECRET or KV_OPERATORS_SECRET can contain the secret itself
    #[arg(long, env = "KV_CLIENT_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// For nodes with https:// whose certificates are not signed by a CA of the system: that CA, PEM
    #[arg(long, env = "KV_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Seconds that an operation has [default: 10, and 60 to add or remove a member]
    #[arg(long, env = "KV_TIMEOUT_SECONDS", value_name = "N")]
    timeout_seconds: Option<u64>,
}

/// Whose secret is used, if both are in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Operator,
}

impl Target {
    /// The client, and the nodes that were named.
    pub(crate) fn client(&self, role: Role) -> Result<(Client, Vec<String>), Failure> {
        let file = match &self.config {
            Some(path) => toml::from_str(&read(path, "config")?)
                .map_err(|error| Failure::Usage(format!("config = {path:?}: {error}")))?,
            None => Given::default(),
        };
        let given = self.given.clone();
        let nodes = given.nodes.or(file.nodes).ok_or_else(|| {
            Failure::Usage("nodes is missing: set nodes, --nodes or KV_NODES".into())
        })?;
        // A variable that is set to nothing is one empty name.
        let nodes: Vec<_> = nodes.into_iter().filter(|node| !node.trim().is_empty()).collect();
        if nodes.is_empty() {
            return Err(Failure::Usage("nodes is empty: set --nodes or KV_NODES".into()));
        }
        let secret = match given.secret_file.or(file.secret_file) {
            Some(path) => read(&path, "secret_file")?.trim().to_owned(),
            None => from_environment(role)?,
        };
        let tls = if nodes.iter().any(|node| node.starts_with("https://")) {
            let ca = given.tls_ca.or(file.tls_ca);
            Some(ca.map_or_else(Tls::system_roots, Tls::with_ca))
        } else {
            None
        };
        let timeout = given.timeout_seconds.or(file.timeout_seconds).unwrap_or(match role {
            Role::Client => TIMEOUT_SECONDS,
            Role::Operator => OPERATOR_TIMEOUT_SECONDS,
        });
        let client = Client::guest(nodes.clone(), move |builder| {
            let builder = builder.token(SharedSecret::new(&secret));
            match &tls {
                Some(tls) => builder.tls(tls.clone()),
                None => builder,
            }
        });
        Ok((client.with_timeout(Duration::from_secs(timeout)), nodes))
    }
}

/// Operators may do what clients may.
fn from_environment(role: Role) -> Result<String, Failure> {
    let variables: &[_] = match role {
        Role::Client => &["KV_CLIENTS_SECRET", "KV_OPERATORS_SECRET"],
        Role::Operator => &["KV_OPERATORS_SECRET"],
    };
    let found = variables.iter().find_map(|variable| std::env::var(variable).ok());
    found.ok_or_else(|| {
        let names = variables.join(" or ");
        Failure::Usage(format!("secret_file is missing: set secret_file, --secret-file or {names}"))
    })
}

/// Reads a file that a setting names.
pub(crate) fn read(path: &Path, setting: &str) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{setting} = {path:?}: {error}")))
}
