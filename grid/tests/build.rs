//! `build` refuses what can only be a mistake, and warns of what probably is one.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/log.rs"]
mod lines;
mod support;

use grid::{
    Ask, Authenticate, Authenticating, BuildError, Claim, Denied, Identity, Manager, NoAuth,
    SharedSecret, StaticToken, TokenFuture,
};
use lines::Lines;
use support::Network;
use tracing::Level;

const NODE: &str = "http://node1:9000";

fn refused(hosts: &[&str]) -> String {
    let built = Manager::builder(NODE).hosts(hosts.iter().copied()).token(grid::NoAuth).build();
    built.expect_err("a mistake").to_string()
}

#[tokio::test]
async fn names_of_the_same_node_are_refused() {
    for (one, other) in [
        ("http://a:1", "http://A:1"),
        ("http://a:80", "http://a"),
        ("http://a:1", "http://a.:1"),
        ("https://a:443", "https://A"),
        ("http://a:443", "https://a"),
        ("http://[::1]:1", "http://[0:0:0:0:0:0:0:1]:1"),
    ] {
        let text = refused(&[NODE, one, other]);
        assert!(text.starts_with(&format!("{one} and {other} are the same")), "{text}");
    }
    assert_eq!(
        refused(&[NODE, "http://a:1", "http://a:1"]),
        "http://a:1 is in the host list twice"
    );
}

#[tokio::test]
async fn names_to_which_no_node_can_connect_are_refused() {
    for name in ["http://0.0.0.0:1", "http://[::]:1", "http://[0:0::0]:1"] {
        assert!(refused(&[NODE, name]).starts_with(&format!("no node can connect to {name}")));
        assert!(matches!(Manager::builder(name).build(), Err(BuildError::Unspecified { .. })));
    }
}

#[tokio::test]
async fn an_own_name_that_is_almost_in_the_list_is_named() {
    for almost in ["http://node1", "http://Node1:9000", "http://node1:9001"] {
        let text = refused(&[almost, "http://other:1"]);
        assert!(text.ends_with(&format!("; did you mean {almost}?")), "{text}");
    }
}

#[tokio::test]
async fn a_node_that_dials_with_tls_needs_a_dialer() {
    let mut names = (1..100).map(|n| format!("https://node{n}:9000"));
    let local = names.next().unwrap();
    let (dialed, dialing): (Vec<_>, Vec<_>) = names.partition(|name| grid::dials(&local, name));
    let with = |peer: &String| Manager::builder(&local).hosts([&local, peer]).token(grid::NoAuth);
    let error = with(&dialed[0]).build().unwrap_err();
    assert!(
        matches!(&error, BuildError::NoTlsDialer { host, .. } if *host == dialed[0]),
        "{error}"
    );
    assert!(error.to_string().contains("`Builder::dial_with`"), "{error}");
    with(&dialed[0]).dial_with(Network::default()).build().expect("it has a dialer");
    with(&dialing[0]).build().expect("it only listens, and a listener can be of any kind");
}

#[tokio::test]
async fn tokens_that_cannot_be_sent_are_refused() {
    for (secret, what) in [
        ("", "empty"),
        ("two\nlines", "without a line break"),
        ("newline at the end\n", "without a line break"),
        ("ends with a space ", "end with a space"),
        ("schlüssel", "printable ASCII"),
    ] {
        let built = Manager::builder(NODE).token(StaticToken::new(secret)).build();
        let error = built.unwrap_err();
        assert!(matches!(error, BuildError::Auth(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(what), "{text}");
        assert!(secret.is_empty() || !text.contains(secret.trim()), "not shown: {text}");
    }
}

#[tokio::test]
async fn secrets_that_are_probably_mistakes_are_refused() {
    for (secret, what) in [("", "empty"), ("newline at the end\n", "white space")] {
        let built = Manager::builder(NODE).token(SharedSecret::new(secret)).build();
        let text = built.unwrap_err().to_string();
        assert!(text.contains(what) && !text.contains("newline at"), "{text}");
    }
}

#[tokio::test]
async fn a_node_with_peers_says_who_may_connect() {
    let error = Manager::builder(NODE).hosts([NODE, "http://a:1"]).build().unwrap_err();
    assert_eq!(error, BuildError::NoAuthenticator);
    for part in ["`SharedSecret`", "`Builder::token`", "`NoAuth`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    Manager::builder(NODE).hosts([NODE]).build().expect("nobody else may connect");
    Manager::builder(NODE).hosts([NODE, "http://a:1"]).token(NoAuth).build().unwrap();
}

/// An authenticator of the user's that knows what it lacks.
struct NoKeys;

impl Authenticate for NoKeys {
    fn ready(&self) -> Result<(), String> {
        Err("no keys".to_owned())
    }

    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Err("no keys".into()) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async { Err(Denied::new("no keys")) })
    }
}

#[tokio::test]
async fn an_authenticator_can_refuse() {
    let error = Manager::builder(NODE).token(NoKeys).build().unwrap_err();
    assert_eq!(error.to_string(), "bad authenticator: no keys");
}

#[tokio::test]
async fn what_is_probably_a_mistake_is_a_warning() {
    for (hosts, warning) in [
        (vec!["http://a:1", "http://b:1"], None),
        (vec!["http://node1"], Some("with and without a port")),
        (vec!["https://b:1"], Some("with and without TLS")),
    ] {
        let (lines, _guard) = Lines::collect();
        let hosts = hosts.into_iter().chain([NODE]);
        Manager::builder(NODE)
            .hosts(hosts)
            .token(grid::NoAuth)
            .dial_with(Network::default())
            .build()
            .unwrap();
        let warned = lines.with(Level::WARN, "");
        match warning {
            None => assert!(warned.is_empty(), "{warned:?}"),
            Some(text) => assert!(warned.len() == 1 && warned[0].contains(text), "{warned:?}"),
        }
    }
}
