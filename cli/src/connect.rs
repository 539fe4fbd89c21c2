//! [`Global`]: which node a command talks to, how it proves who it is, and how its output looks.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use grid::{Builder, Config, Guest, NoAuth, SharedSecret, StaticToken, Tls};

use crate::failure::Failure;

/// Options of all commands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The node to connect to, by the name that its grid knows, such as http://node1:9000.
    #[arg(short, long, global = true, env = "GRID_NODE", value_name = "URL")]
    node: Option<String>,
    /// The shared secret of the grid. A command line is visible to others: prefer the variable or --secret-file.
    #[arg(long, global = true, env = "GRID_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// A file with the shared secret.
    #[arg(
        long,
        global = true,
        env = "GRID_SECRET_FILE",
        value_name = "FILE",
        conflicts_with = "secret"
    )]
    secret_file: Option<PathBuf>,
    /// A token that the grid accepts as it is.
    #[arg(long, global = true, env = "GRID_TOKEN", hide_env_values = true, conflicts_with_all = ["secret", "secret_file"])]
    token: Option<String>,
    /// Certificates of the authorities that are trusted, in PEM. Default for https: those of the system.
    #[arg(long, global = true, env = "GRID_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate with which the command proves who it is, in PEM.
    #[arg(long, global = true, env = "GRID_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, global = true, env = "GRID_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// How long connecting may take.
    #[arg(long, global = true, env = "GRID_CONNECT_TIMEOUT", default_value = "5s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
    /// Write JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Global {
    /// Connects to the node as a guest.
    ///
    /// # Errors
    /// [`Failure::Usage`] without a node or with a file that cannot be read, and [`Failure::Connect`] if the node cannot be
    /// reached or refuses the guest.
    pub(crate) async fn connect(&self) -> Result<Guest, Failure> {
        let node = self.node.clone().ok_or_else(|| {
            Failure::Usage(
                "no node to connect to: pass --node http://node1:9000, or set GRID_NODE".to_owned(),
            )
        })?;
        self.connect_to(&node).await
    }

    /// Connects to another node of the grid, with the same options.
    pub(crate) async fn connect_to(&self, node: &str) -> Result<Guest, Failure> {
        let secret = self.secret()?;
        let tls = self.tls(node);
        let guest = Guest::builder(node).configure(|builder| {
            let config = Config::default().connect_timeout(self.connect_timeout);
            let builder = self.authenticated(builder.config(config), secret);
            match tls {
                Some(tls) => builder.tls(tls),
                None => builder,
            }
        });
        Ok(guest.connect().await?)
    }

    fn secret(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.secret_file else { return Ok(self.secret.clone()) };
        let text = fs::read_to_string(file).map_err(|error| {
            Failure::Usage(format!("cannot read the secret from {}: {error}", file.display()))
        })?;
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    fn authenticated(&self, builder: Builder, secret: Option<String>) -> Builder {
        match (secret, &self.token) {
            (Some(secret), _) => builder.token(SharedSecret::new(secret)),
            (None, Some(token)) => builder.token(StaticToken::new(token.clone())),
            (None, None) => builder.token(NoAuth),
        }
    }

    fn tls(&self, node: &str) -> Option<Tls> {
        let is_secure = ["https://", "wss://"].iter().any(|scheme| node.starts_with(scheme));
        let tls = match &self.ca {
            Some(ca) => Tls::with_ca(ca),
            None if is_secure || self.cert.is_some() => Tls::system_roots(),
            None => return None,
        };
        Some(match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => tls.client_certificate(cert, key),
            _ => tls,
        })
    }
}
