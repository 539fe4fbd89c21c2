//! What every node and console of a cluster does alike: name, hosts, secret.

use grid::{Builder, Manager, SharedSecret};

/// A manager called `name` that talks to `hosts`. Without a token anybody may connect.
pub(crate) fn builder<'a>(
    name: &str,
    hosts: impl IntoIterator<Item = &'a str>,
    token: Option<&str>,
) -> Builder {
    let builder = Manager::builder(name).hosts(hosts);
    match token {
        Some(secret) => builder.token(SharedSecret::new(secret)),
        None => builder,
    }
}
