//! What authenticators leave for those who serve a call: found by its type, in both directions of a connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use grid::intercept::{Intercepted, Next};
use grid::{
    Answer, Ask, Authenticate, Authenticating, Builder, CallInfo, Claim, Denied, Identity, Manager,
    TokenFuture,
};

use crate::support::{A, B, Network, sides};

#[derive(Debug, Clone, PartialEq)]
struct Role(String);

/// Which method of the authenticator has proven it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    Dialing,
    Listening,
}

/// Tokens and proofs are `name role`.
struct Roles(&'static str);

fn identity(proof: &str, seen: Seen) -> Result<Identity, Denied> {
    let (name, role) = proof.split_once(' ').ok_or_else(|| Denied::new("no role"))?;
    Ok(Identity::of_node(name).with_details(Role(role.to_owned())).with_details(seen))
}

impl Authenticate for Roles {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async move { Ok(format!("{} {}", ask.local, self.0).into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async move { identity(claim.token, Seen::Dialing) })
    }

    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        Box::pin(async move { Some(format!("{} {}", claim.local, self.0).into_bytes()) })
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            let proof = answer.proof.and_then(|proof| std::str::from_utf8(proof).ok());
            identity(proof.unwrap_or_default(), Seen::Listening)
        })
    }
}

/// What the hook, an interceptor and the handler have found.
type Found = Arc<Mutex<Vec<(&'static str, Option<Role>, Option<Seen>)>>>;

fn note(found: &Found, who: &'static str, identity: &Identity) {
    let (role, seen) = (identity.details().cloned(), identity.details().copied());
    assert_eq!(identity.details::<String>(), None, "nothing of this type was left");
    found.lock().unwrap().push((who, role, seen));
}

fn asking(builder: Builder, found: &Found) -> Builder {
    let [hook, interceptor, handler] = [(); 3].map(|()| Arc::clone(found));
    builder
        .permit(move |call: &CallInfo| {
            note(&hook, "hook", call.identity());
            match call.identity().details() {
                Some(Role(role)) if role == "stranger" => Err(Denied::new("strangers may not")),
                _ => Ok(()),
            }
        })
        .intercept(move |call: Intercepted, next: Next| {
            note(&interceptor, "interceptor", call.identity().unwrap());
            next.run(call)
        })
        .single_handler(1, None, move |cx, _| {
            note(&handler, "handler", cx.identity());
            async { Ok(Some(Bytes::from_static(b"done"))) }
        })
}

async fn connected(roles: [&'static str; 2], found: &Found) -> (Network, Manager, Manager) {
    let (dialer, listener) = sides();
    let network = Network::default();
    let [dialing, listening] = [(dialer, roles[0]), (listener, roles[1])].map(|(name, role)| {
        asking(network.node(name, &[A, B]), found).token(Roles(role)).build().unwrap()
    });
    network.attach(&listening);
    let connection = dialing.connection(listener).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (network, dialing, listening)
}

#[tokio::test(start_paused = true)]
async fn values_are_found_by_their_types_in_both_directions() {
    let found = Found::default();
    let (_network, dialing, listening) = connected(["writer", "reader"], &found).await;
    for (from, to, role, seen) in [
        (&dialing, &listening, "writer", Seen::Dialing),
        (&listening, &dialing, "reader", Seen::Listening),
    ] {
        let connection = from.connection(to.name()).unwrap();
        assert_eq!(connection.request(1, None).await.unwrap().unwrap(), "done");
        let mut found = std::mem::take(&mut *found.lock().unwrap());
        found.sort_by_key(|(who, ..)| *who);
        let role = Some(Role(role.to_owned()));
        let expected =
            ["handler", "hook", "interceptor"].map(|who| (who, role.clone(), Some(seen)));
        assert_eq!(found, expected);
    }
    // Calls of a node to itself: nothing was proven, and nothing left.
    let own = dialing.connection(dialing.name()).unwrap();
    own.request(1, None).await.unwrap();
    let found = found.lock().unwrap();
    assert!(found.iter().all(|(_, role, seen)| role.is_none() && seen.is_none()), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_role_decides_what_is_permitted() {
    let found = Found::default();
    let (_network, dialing, listening) = connected(["stranger", "reader"], &found).await;
    let refused = dialing.connection(listening.name()).unwrap().request(1, None).await;
    assert!(refused.unwrap_err().to_string().contains("strangers may not"));
    listening.connection(dialing.name()).unwrap().request(1, None).await.unwrap();
}
