//! [`Global`]: which node a command talks to, how it proves who it is, and how its output looks.

use std::env;
use std::path::{self, PathBuf};
use std::time::Duration;

use clap::{Arg, Args};
use grid::{Config, Guest, Tls};

use crate::contexts::{Context, Contexts};
use crate::credential::Credential;
use crate::failure::Failure;

/// An empty variable is one that is not set: so scripts and compose files write what they do not have.
fn without_empty_variable(arg: Arg) -> Arg {
    let variable = arg.get_env().and_then(env::var_os);
    if variable.is_some_and(|value| value.is_empty()) { arg.env(None::<&'static str>) } else { arg }
}

/// The variable with the token of the console.
pub(crate) const CONSOLE_TOKEN: &str = "GRID_CONSOLE_TOKEN";

/// Options of all commands.
#[derive(Debug, Clone, Args)]
#[command(mut_args(without_empty_variable))]
pub struct Global {
    /// The node to connect to, by the name that its grid knows, such as http://node1:9000.
    #[arg(short, long, global = true, env = "GRID_NODE", value_name = "URL")]
    node: Option<String>,
    #[command(flatten)]
    credential: Credential,
    /// Certificates of the authorities that are trusted, in PEM. Default for https: those of the system.
    #[arg(long, global = true, env = "GRID_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate with which the command proves who it is, in PEM.
    #[arg(long, global = true, env = "GRID_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, global = true, env = "GRID_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A saved connection, for whatever is given neither as an option nor by a variable; see `grid context`.
    #[arg(long, global = true, env = "GRID_CONTEXT", value_name = "NAME")]
    context: Option<String>,
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
        self.connect_to(&node).await.map_err(Failure::of_given_node)
    }

    /// Connects to another node of the grid, with the same options.
    pub(crate) async fn connect_to(&self, node: &str) -> Result<Guest, Failure> {
        let text = self.credential.text()?;
        let tls = self.tls(node);
        let guest = Guest::builder(node).configure(|builder| {
            let config = Config::default().connect_timeout(self.connect_timeout);
            let builder = self.credential.authenticate(builder.config(config), text);
            match tls {
                Some(tls) => builder.tls(tls),
                None => builder,
            }
        });
        Ok(guest.connect().await?)
    }

    /// The same options, and those of the context for what is not given.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the context does not exist, or the file of contexts cannot be read.
    pub(crate) fn with_context(&self) -> Result<Self, Failure> {
        let all = Contexts::read()?;
        let Some(name) = self.context.as_ref().or(all.current.as_ref()) else {
            return Ok(self.clone());
        };
        let of = all.get(name)?.clone();
        // A saved secret belongs to the saved node.
        let is_saved_node = self.node.is_none() || self.node == of.node;
        let secret_file = of.secret_file.filter(|_| self.credential.is_none() && is_saved_node);
        let (cert, key) = match is_saved_node && self.cert.is_none() {
            true => (of.cert, of.key),
            false => (None, None),
        };
        Ok(Self {
            node: self.node.clone().or(of.node),
            credential: secret_file.map_or_else(|| self.credential.clone(), Credential::SecretFile),
            ca: self.ca.clone().or(of.ca.filter(|_| is_saved_node)),
            cert: self.cert.clone().or(cert),
            key: self.key.clone().or(key),
            ..self.clone()
        })
    }

    /// What of these options is saved.
    pub(crate) fn to_context(&self) -> Result<Context, Failure> {
        let secret_file = self.credential.to_file()?;
        if self.node.is_none() {
            return Err(Failure::Usage("nothing to save: pass --node".to_owned()));
        }
        // The file of contexts is read from other folders as well.
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(path::absolute).transpose();
        Ok(Context {
            node: self.node.clone(),
            secret_file: absolute(&secret_file)?,
            ca: absolute(&self.ca)?,
            cert: absolute(&self.cert)?,
            key: absolute(&self.key)?,
        })
    }

    /// Everything that must not be shown to others, the token of the console included: variables are set for all commands.
    pub(crate) fn secrets(&self) -> Result<Vec<String>, Failure> {
        let of_console = env::var(CONSOLE_TOKEN).ok().map(|token| token.trim().to_owned());
        Ok([self.credential.text()?, of_console].into_iter().flatten().collect())
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
