//! Finds the nodes of a group by their names.

use std::error::Error;
use std::fmt;

use crate::{Connection, Context, Manager, RemoteError, UnknownHost};

/// A node that knows the connections to other nodes by their names: a [`Manager`], and in handlers a [`Context`].
///
/// For the function `group` of clients. Cannot be implemented for other types.
pub trait HostList: sealed::Sealed {
    /// As [`Manager::connection`] and [`Context::connection`].
    #[doc(hidden)]
    fn __connection(&self, host: &str) -> Result<Connection, UnknownHost>;
}

mod sealed {
    #[expect(unnameable_types, reason = "so that nobody else implements the trait")]
    pub trait Sealed {}

    impl Sealed for crate::Manager {}
    impl Sealed for crate::Context {}
}

impl HostList for Manager {
    fn __connection(&self, host: &str) -> Result<Connection, UnknownHost> {
        self.connection(host)
    }
}

impl HostList for Context {
    fn __connection(&self, host: &str) -> Result<Connection, UnknownHost> {
        self.connection(host)
    }
}

/// The connections to these hosts, or the names of all that are not known.
pub(super) fn connections<H: AsRef<str>>(
    node: &impl HostList,
    hosts: impl IntoIterator<Item = H>,
) -> Result<Vec<Connection>, UnknownHosts> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for host in hosts {
        match node.__connection(host.as_ref()) {
            Ok(connection) => known.push(connection),
            Err(error) => unknown.push(error),
        }
    }
    if unknown.is_empty() { Ok(known) } else { Err(UnknownHosts { unknown }) }
}

/// Hosts of a group are not in this grid's host list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownHosts {
    /// Each of them, in the order in which they were named. Never empty.
    pub unknown: Vec<UnknownHost>,
}

impl fmt::Display for UnknownHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.unknown.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{host}")?;
        }
        Ok(())
    }
}

impl Error for UnknownHosts {}

/// For handlers that call other nodes.
impl From<UnknownHosts> for RemoteError {
    fn from(error: UnknownHosts) -> Self {
        Self::new(error.to_string())
    }
}
