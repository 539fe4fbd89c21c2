//! What nodes and consoles of a cluster have in common: name, hosts, secret.

use grid::{Builder, Manager, NoAuth, SharedSecret};

/// Builds the manager of `name` with these `hosts`. Without a token there is no authentication.
pub(crate) fn builder<'a>(
    name: &str,
    hosts: impl IntoIterator<Item = &'a str>,
    token: Option<&str>,
) -> Builder {
    authenticated(Manager::builder(name).hosts(hosts), token)
}

/// Sets the secret, if there is one.
pub(crate) fn authenticated(builder: Builder, token: Option<&str>) -> Builder {
    match token {
        Some(secret) => builder.token(SharedSecret::new(secret)),
        None => builder.token(NoAuth),
    }
}
