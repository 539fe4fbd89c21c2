//! `grid console`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs};

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;

use crate::connect::{CONSOLE_TOKEN, Global};
use crate::console::{Guard, Origin, record, serve};
use crate::failure::Failure;
use crate::output::line;

/// The shortest token. One that can be guessed is worse than none.
const TOKEN_BYTES_MIN: usize = 16;

/// Serves a page for browsers that shows the grid live: its nodes and links as a graph, methods, streams, events, what is wrong,
/// and calls.
///
/// It reads only, unless it is started with --allow-calls, and only this machine can open it, unless --listen says otherwise.
#[derive(Debug, Args)]
pub struct Console {
    /// Where the page is. With port 0, on a free port. An address that other machines reach needs a token.
    #[arg(short, long, default_value = "127.0.0.1:9900", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A file with the token that the page asks for, at least 16 characters; or GRID_CONSOLE_TOKEN has it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Lets the page make calls, with the permissions of this command.
    #[arg(long, conflicts_with_all = ["demo", "replay", "record"])]
    allow_calls: bool,
    /// Shows fifty made-up nodes, without any real one.
    #[arg(long, conflicts_with_all = ["replay", "record"])]
    demo: bool,
    /// Writes the present state of the grid to the file, and ends.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Shows what was recorded in the file, without any node.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

impl Console {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        if let Some(file) = &self.record {
            let mut secrets = global.secrets()?;
            secrets.extend(self.given_token()?);
            return record(global, file, &secrets).await;
        }
        let guard = self.guard()?;
        let origin = match &self.replay {
            Some(file) => Origin::replay(file)?,
            None if self.demo => Origin::demo(),
            None => Origin::live(global, self.allow_calls).await?,
        };
        let cannot = |error| Failure::Usage(format!("cannot listen on {}: {error}", self.listen));
        let listener = TcpListener::bind(self.listen).await.map_err(cannot)?;
        let url = format!("http://{}/", listener.local_addr()?);
        match global.json {
            true => line(json!({ "url": url }))?,
            false => line(format_args!("the console is at {url}"))?,
        }
        match serve(listener, origin, guard, self.allow_calls).await? {}
    }

    fn guard(&self) -> Result<Guard, Failure> {
        let (token, is_loopback) = (self.token()?, self.listen.ip().is_loopback());
        if !is_loopback && token.is_none() {
            return Err(Failure::Usage(format!(
                "other machines reach {}: pass a token with --token-file, or set {CONSOLE_TOKEN}",
                self.listen
            )));
        }
        Ok(Guard { is_loopback, token })
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        let Some(token) = self.given_token()? else { return Ok(None) };
        let is_printable = token.bytes().all(|of| of.is_ascii_graphic());
        if token.len() < TOKEN_BYTES_MIN || !is_printable {
            return Err(Failure::Usage(format!(
                "the token of the console must have at least {TOKEN_BYTES_MIN} characters, in ASCII without spaces"
            )));
        }
        Ok(Some(token))
    }

    /// The token as it is, which may be too short.
    fn given_token(&self) -> Result<Option<String>, Failure> {
        let token = match &self.token_file {
            Some(file) => fs::read_to_string(file).map_err(|error| {
                Failure::Usage(format!("cannot read the token from {}: {error}", file.display()))
            })?,
            None => match env::var(CONSOLE_TOKEN) {
                Ok(token) if !token.is_empty() => token,
                _ => return Ok(None),
            },
        };
        Ok(Some(token.trim().to_owned()))
    }
}
