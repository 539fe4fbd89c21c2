//! [`check_name`]: whether a node with this name can be a member.

use grid::{BuildError, Manager};

/// Returns why no member could have this name, before it gets into the log of all nodes.
pub(super) fn check_name<'a>(
    name: &str,
    members: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    for member in members.into_iter().filter(|member| *member != name) {
        // Without an authenticator there will be no node, but the names are checked before that.
        match Manager::builder(name).hosts([name, member]).build() {
            // As one that has got into the log before names were checked.
            Err(BuildError::BadName(bad)) if bad.name != name => continue,
            Err(BuildError::Unspecified { host, .. }) if host != name => continue,
            Err(
                error @ (BuildError::BadName(_)
                | BuildError::Unspecified { .. }
                | BuildError::SameHost { .. }),
            ) => return Err(error.to_string()),
            // Whether there is TLS is known from the other names.
            _ => {}
        }
        let is_secure = |name: &str| name.starts_with("https://") || name.starts_with("wss://");
        if is_secure(name) != is_secure(member) {
            return Err(format!(
                "{name} cannot be a member beside {member}: all names begin with https://, or all with http://"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[tokio::test]
    async fn a_name_must_fit_to_those_of_the_members() {
        let members = ["node6", "http://0.0.0.0:9000", "http://node1:9000"];
        for (name, expected) in [
            ("http://node2:9000", None),
            ("http://node1:9000", None),
            ("node2", Some("bad node name \"node2\": ")),
            ("http://node2:9000/", Some("bad node name \"http://node2:9000/\": ")),
            ("http://NODE1:9000", Some("are the same host and port")),
            ("http://0.0.0.0:9001", Some("no node can connect to http://0.0.0.0:9001")),
            ("https://node2:9000", Some("all names begin with https://")),
        ] {
            let checked = check_name(name, members);
            match (expected, &checked) {
                (None, Ok(())) => {}
                (Some(text), Err(reason)) if reason.contains(text) => {}
                _ => panic!("{name}: {checked:?}"),
            }
        }
    }
}
