//! Nodes that identify themselves with JSON Web Tokens.

use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, Jwt, JwtClaims, JwtKey, LinkError, State};

use crate::support::{A, B, Network, sides};

const SOON: Duration = Duration::from_secs(5);

// Signed with HS256, for one listener each, until the year 2100.
const A_TO_B: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJodHRwOi8vYToxIiwiYXVkIjoiaHR0cDovL2I6MSIsImV4cCI6NDEwMjQ0NDgwMCwicm9sZSI6InJlYWRlciJ9.ZyV8HMP8_hETxR5MTqNvrWov-iYoyEBxLVnsKaJx7n4";
const B_TO_A: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJodHRwOi8vYjoxIiwiYXVkIjoiaHR0cDovL2E6MSIsImV4cCI6NDEwMjQ0NDgwMCwicm9sZSI6InJlYWRlciJ9.uUjI_g4VyUIO7t_jm3-fXxAuiUWqhmXZTs-CJOrZxA0";
const C_TO_A: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJodHRwOi8vYzoxIiwiYXVkIjoiaHR0cDovL2E6MSIsImV4cCI6NDEwMjQ0NDgwMH0.WFcDUAXB1JuFFGXRcY5lVAL5-hVp1YYNcHMRCpC1dC8";
const C_TO_B: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJodHRwOi8vYzoxIiwiYXVkIjoiaHR0cDovL2I6MSIsImV4cCI6NDEwMjQ0NDgwMH0.KpfBbfoFmo56Aqj1OJT0nYCdOluYhltN6xKMM_V1Fzs";

/// Accepts tokens for the listener, and sends this one.
fn jwt(token: &'static str) -> Jwt {
    let key = JwtKey::hs256(b"a secret of the identity provider");
    Jwt::new(key).audience_is_listener().tokens(move |_| async move { Ok(token.to_owned()) })
}

/// Answers with the name and the role that the caller has proven.
fn whoami(builder: Builder) -> Builder {
    builder.single_handler(1, None, |cx, _| async move {
        let identity = cx.identity();
        let role = identity.details::<JwtClaims>().and_then(|claims| claims.text("role"));
        Ok(Some(Bytes::from(format!("{:?} {role:?}", identity.name()))))
    })
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_the_node_that_it_names() {
    let (dialer, listener) = sides();
    let (right, other, reflected) =
        if dialer == A { (A_TO_B, C_TO_B, B_TO_A) } else { (B_TO_A, C_TO_A, A_TO_B) };
    let network = Network::default();
    let listening = whoami(network.node(listener, &[A, B])).token(jwt(reflected)).build().unwrap();
    network.attach(&listening);
    let dial = |token| network.node(dialer, &[A, B]).token(token).build().unwrap();
    let node = dial(jwt(right));
    let connection = node.connection(listener).unwrap();
    connection.wait_connected(SOON).await.unwrap();
    let answer = connection.request(1, None).await.unwrap().unwrap();
    assert_eq!(answer, format!("Some({dialer:?}) Some(\"reader\")"));

    let without = Jwt::new(JwtKey::hs256(b"x"));
    let failing = without.clone().tokens(|_| async { Err("the identity provider is down".into()) });
    for (auth, text) in [
        (jwt(other), "it proves the name http://c:1"),
        (jwt(reflected), "another audience (`aud`)"),
        (without, "`Jwt::tokens`"),
        (failing, "this node has no token to send: the identity provider is down"),
    ] {
        let thief = dial(auth);
        let error = thief.connection(listener).unwrap().wait_connected(SOON).await.unwrap_err();
        let State::Error(reason) = error.state else { panic!("{error}") };
        let shown = reason.full_text().to_string();
        assert!(shown.contains(text) && !shown.contains("eyJ"), "{shown}");
        assert!(!matches!(*reason, LinkError::Unproven { .. }), "no proof is required");
        assert!(connection.state().is_connected());
    }
    assert_eq!(connection.stats().connects, 1);
}
