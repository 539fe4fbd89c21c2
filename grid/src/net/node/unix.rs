//! Unix sockets between nodes of one host: dialing them instead of TCP, and listening on them.
//!
//! A node keeps its name, which is a URL, and the path of its socket is a setting of the nodes that dial it. A path in the
//! name, such as `unix:///run/n1.sock`, would be part of the node's identity on all hosts, and nodes of the base protocol
//! would not accept it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};

use super::build_error::BuildError;
use super::dial::{Dial, Dialing, DialingCertified};
use super::listen::{Accepted, Listen};
use crate::error::nearest;
use crate::net::transport::Io;

/// The Unix sockets of nodes, by the names of the nodes.
#[derive(Debug, Default)]
pub(super) struct UnixSockets(HashMap<String, PathBuf>);

impl UnixSockets {
    pub(super) fn insert(&mut self, host: String, path: PathBuf) {
        self.0.insert(host, path);
    }

    /// Checks that each socket belongs to a node of the list.
    pub(super) fn check(&self, hosts: &[String]) -> Result<(), BuildError> {
        match self.0.keys().find(|host| !hosts.contains(host)) {
            Some(host) => Err(BuildError::UnixSocketHost {
                nearest: nearest(host, hosts.iter().map(String::as_str)).map(str::to_owned),
                host: host.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Dials these sockets, and all other nodes with `otherwise`.
    pub(super) fn or(self, otherwise: Arc<dyn Dial>) -> Arc<dyn Dial> {
        if self.0.is_empty() {
            otherwise
        } else {
            Arc::new(UnixDial { sockets: self.0, otherwise })
        }
    }
}

struct UnixDial {
    sockets: HashMap<String, PathBuf>,
    otherwise: Arc<dyn Dial>,
}

impl Dial for UnixDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        match self.sockets.get(name) {
            Some(path) => Box::pin(async move {
                let stream = UnixStream::connect(path).await.map_err(|error| about(path, &error));
                Ok(Box::new(stream?) as Box<dyn Io>)
            }),
            None => self.otherwise.dial(name),
        }
    }

    fn dial_certified<'a>(&'a self, name: &'a str) -> DialingCertified<'a> {
        match self.sockets.contains_key(name) {
            // Without TLS, also if the name begins with https: the kernel connects two processes of one host.
            true => Box::pin(async { Ok((self.dial(name).await?, None)) }),
            false => self.otherwise.dial_certified(name),
        }
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The dialers have no address. A socket file that a previous process has left must be removed before `bind`.
impl Listen for UnixListener {
    fn local_addr(&self) -> io::Result<String> {
        let address = Self::local_addr(self)?;
        let path = address.as_pathname().map(|path| path.display().to_string());
        Ok(path.unwrap_or_else(|| "a Unix socket without a path".to_owned()))
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        let (stream, _) = Self::accept(self).await?;
        Ok(Accepted::new(stream))
    }
}
