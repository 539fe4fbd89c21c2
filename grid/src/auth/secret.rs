//! [`SharedSecret`]: both ends of a connection prove that they know a secret, without sending it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::authenticate::{
    Answer, Ask, Authenticate, Authenticating, Claim, Denied, Token, TokenFuture,
};
use super::hmac::same;
use super::identity::Identity;
use super::replay::{Nonces, Used};
use super::signed::{MACS_MAX, Signed, Stated, sign};
use crate::entropy;
use crate::error::clocks_text;

/// One secret that all nodes share, and that no node sends.
///
/// A token is a MAC (HMAC-SHA256) over the names of both nodes, the time and a random number. It is accepted once, from
/// the node that it names, by the node that it names, for as long as the clocks may differ
/// ([`Config::clock_skew_max`](crate::Config::clock_skew_max)). The listener proves that it knows the secret as well, so a
/// node at a wrong address learns nothing and is not believed.
///
/// Not encrypted: who can read and change the bytes of a connection can use it. Use TLS if the network is not trusted. And
/// who can read a token can try out secrets, so use a random one of 32 bytes, such as `openssl rand -hex 32` prints.
///
/// A node that was restarted does not know which tokens it has accepted before. Nodes of the base protocol, such as Go
/// nodes, cannot check such tokens: use a [`StaticToken`](crate::StaticToken) with them.
///
/// # Rotation
///
/// To replace a secret without a pause, restart each node twice: first all of them, one after the other, with the new
/// secret that [also accepts](Self::also_accept) the old one; then all of them with the new one alone.
///
/// ```
/// use grid::SharedSecret;
///
/// let before = SharedSecret::new("correct horse");
/// let meanwhile = SharedSecret::new("battery staple").also_accept("correct horse");
/// let after = SharedSecret::new("battery staple");
/// # let _ = (before, meanwhile, after);
/// ```
#[derive(Clone)]
pub struct SharedSecret {
    /// The own one, then those that are also accepted.
    secrets: Vec<String>,
    /// Shared by clones, so that a token is used once, whichever of them checks it.
    used: Arc<Nonces>,
}

impl SharedSecret {
    /// Uses this secret. [`Builder::build`](crate::Builder::build) refuses one that is empty, or begins or ends with white
    /// space.
    pub fn new(secret: impl Into<String>) -> Self {
        Self { secrets: vec![secret.into()], used: Arc::default() }
    }

    /// Also accepts nodes that know this secret instead, while secrets are replaced; see
    /// [rotation](Self#rotation). At most three.
    #[must_use]
    pub fn also_accept(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Judges a token. Uses it up if the dialer states a name, so in the handshake.
    fn judge(&self, claim: &Claim<'_>) -> Result<Identity, Denied> {
        let signed = Signed::parse(claim.token).ok_or_else(|| Denied::new(NOT_SIGNED))?;
        // Nothing else is read, and nothing is kept, of a token without a right MAC.
        self.secret_of(signed).ok_or_else(|| Denied::new("invalid token"))?;
        let Stated { dialer, listener, made, nonce } =
            signed.stated().ok_or_else(|| Denied::new("invalid token"))?;
        check_age(made, claim.now, claim.skew_max)?;
        let used = |used| {
            Denied::new(match used {
                Used::Before => "the token was used before",
                Used::Outdated => "the token is older than many that were used since",
            })
        };
        let Some(name) = claim.name else {
            // The upgrade. The handshake says better than this if the token is for another node.
            self.used.look(&dialer, &listener, made, nonce).map_err(used)?;
            return Ok(Identity::of_node(&dialer).with_subject(SUBJECT));
        };
        if name != dialer {
            return Err(Denied::new(format!("the token is one of {dialer}, not of {name}")));
        }
        if listener != claim.local {
            let local = claim.local;
            return Err(Denied::new(format!("the token is for {listener}, and this is {local}")));
        }
        let clock = (claim.now, claim.skew_max);
        self.used.spend(&dialer, &listener, made, nonce, clock).map_err(used)?;
        Ok(Identity::of_node(&dialer).with_subject(SUBJECT))
    }

    /// The first secret that a MAC of the token was made with. An empty one is none: an unset environment variable must
    /// not disable authentication; `NoAuth` does that explicitly.
    fn secret_of(&self, signed: Signed<'_>) -> Option<&str> {
        signed.secret(&self.secrets).filter(|secret| !secret.is_empty())
    }

    fn proof(&self, claim: &Claim<'_>) -> Option<Vec<u8>> {
        let signed = Signed::parse(claim.token)?;
        let secret = self.secret_of(signed)?;
        Some(signed.proof(secret, claim.local).to_vec())
    }

    fn judge_answer(&self, answer: &Answer<'_>) -> Result<Identity, Denied> {
        let proof = answer.proof.ok_or_else(|| {
            Denied::new(
                "it has sent no proof, so it has another secret or no `SharedSecret`; nodes without the extension \
                `proof` need a `StaticToken`",
            )
        })?;
        let signed = Signed::parse(answer.token).ok_or_else(|| Denied::new(NOT_SIGNED))?;
        let is_right = |secret: &String| {
            !secret.is_empty() && same(proof, &signed.proof(secret, answer.answered))
        };
        match self.secrets.iter().any(is_right) {
            true => Ok(Identity::of_node(answer.answered).with_subject(SUBJECT)),
            false => Err(Denied::new("its proof is wrong")),
        }
    }
}

/// What an identity says about how it was proven.
const SUBJECT: &str = "a node that knows the shared secret";

const NOT_SIGNED: &str = "not a token of a `SharedSecret`, which this node has: use the same on both sides, or a \
    `StaticToken` on both with nodes that send their secret itself";

/// Refuses a token that was made too long ago, or too far in the future.
fn check_age(made: SystemTime, now: SystemTime, skew_max: Duration) -> Result<(), Denied> {
    let difference = made.duration_since(now).unwrap_or_else(|error| error.duration());
    if difference <= skew_max {
        return Ok(());
    }
    let clocks = clocks_text(made, now, difference);
    Err(Denied::new(format!(
        "the token is out of date, or a clock is wrong: {clocks}, the limit is {skew_max:?} (`Config::clock_skew_max` of the \
        listener)"
    )))
}

impl Authenticate for SharedSecret {
    fn ready(&self) -> Result<(), String> {
        if self.secrets.iter().any(String::is_empty) {
            // Usually an environment variable that is not set.
            return Err("the shared secret is empty; to accept every node, use `NoAuth`".to_owned());
        }
        if self.secrets.iter().any(|secret| secret.trim() != secret) {
            return Err("the shared secret begins or ends with white space, usually the line break at the end of a file: \
                trim it"
                .to_owned());
        }
        if self.secrets.len() > MACS_MAX {
            let more = MACS_MAX - 1;
            return Err(format!("a shared secret can also accept at most {more} others"));
        }
        Ok(())
    }

    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        let stated = Stated {
            dialer: ask.local.to_owned(),
            listener: ask.peer.to_owned(),
            made: ask.now,
            nonce: entropy::random(),
        };
        let token = Token::new(sign(&stated, &self.secrets));
        Box::pin(async { Ok(token) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let judged = self.judge(&claim);
        Box::pin(async { judged })
    }

    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        let proof = self.proof(&claim);
        Box::pin(async { proof })
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let judged = self.judge_answer(&answer);
        Box::pin(async { judged })
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://a:1";
    const B: &str = "http://b:1";

    fn token(secret: &SharedSecret) -> String {
        let stated = Stated {
            dialer: A.to_owned(),
            listener: B.to_owned(),
            made: SystemTime::now(),
            nonce: rand::random(),
        };
        sign(&stated, &secret.secrets)
    }

    fn claim(token: &str) -> Claim<'_> {
        Claim::new(token).with_local(B)
    }

    #[test]
    fn a_token_is_good_for_one_connection_from_its_node_to_its_listener() {
        let secret = SharedSecret::new("correct horse");
        let token = token(&secret);
        for _ in 0..3 {
            assert_eq!(secret.judge(&claim(&token)).unwrap().name(), Some(A), "the upgrade");
        }
        let other_name = secret.judge(&claim(&token).with_name("http://c:1")).unwrap_err();
        assert_eq!(other_name.to_string(), "the token is one of http://a:1, not of http://c:1");
        let elsewhere = secret.judge(&claim(&token).with_local("http://c:1").with_name(A));
        assert!(elsewhere.unwrap_err().to_string().contains("is for http://b:1"));
        assert!(secret.judge(&claim(&token).with_name(A)).is_ok());
        for again in [claim(&token), claim(&token).with_name(A)] {
            let error = secret.clone().judge(&again).unwrap_err();
            assert_eq!(error.to_string(), "the token was used before");
        }
    }

    #[test]
    fn a_token_is_good_while_the_clocks_may_differ() {
        let secret = SharedSecret::new("correct horse");
        let token = token(&secret);
        let now = SystemTime::now();
        let max = claim(&token).skew_max;
        for (at, is_good) in [
            (now + max - Duration::from_secs(9), true),
            (now - max + Duration::from_secs(9), true),
            (now + max + Duration::from_secs(9), false),
            (now - max - Duration::from_secs(9), false),
        ] {
            let judged = secret.judge(&claim(&token).with_now(at));
            assert_eq!(judged.is_ok(), is_good, "{judged:?}");
        }
        let late = secret.judge(&claim(&token).with_now(now + 2 * max)).unwrap_err().to_string();
        assert!(late.contains("behind") && late.contains("`Config::clock_skew_max`"), "{late}");
    }

    #[test]
    fn other_secrets_accept_and_prove_nothing() {
        let (right, wrong) = (SharedSecret::new("right"), SharedSecret::new("wrong"));
        let token = token(&right);
        assert_eq!(wrong.judge(&claim(&token)).unwrap_err(), Denied::new("invalid token"));
        assert_eq!(wrong.proof(&claim(&token)), None);
        let proof = right.proof(&claim(&token));
        let ask = Ask::new(A, B);
        let verified = |by: &SharedSecret, proof: Option<&[u8]>| {
            by.judge_answer(&Answer::new(ask, &token, proof))
                .map(|identity| identity.name().map(str::to_owned))
        };
        assert_eq!(verified(&right, proof.as_deref()), Ok(Some(B.to_owned())));
        assert_eq!(verified(&wrong, proof.as_deref()), Err(Denied::new("its proof is wrong")));
        assert!(verified(&right, None).is_err() && verified(&right, Some(b"")).is_err());
        let elsewhere = right.proof(&Claim::new(&token).with_local("http://c:1"));
        assert!(verified(&right, elsewhere.as_deref()).is_err(), "another node has answered");
        // An unset environment variable disables nothing.
        let empty = SharedSecret::new("");
        assert!(empty.judge(&claim(&super::tests::token(&empty))).is_err());
        assert!(wrong.judge(&claim("wrong")).unwrap_err().to_string().contains("`StaticToken`"));
    }

    #[test]
    fn during_a_rotation_every_pair_of_neighbouring_steps_agrees() {
        let steps = || {
            let both = SharedSecret::new("new").also_accept("old");
            [SharedSecret::new("old"), both, SharedSecret::new("new")]
        };
        for (dialer, listener) in [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)] {
            let (dialer, listener) = (&steps()[dialer], &steps()[listener]);
            let token = token(dialer);
            assert!(listener.judge(&claim(&token).with_name(A)).is_ok());
            let proof = listener.proof(&claim(&token));
            let answer = Answer::new(Ask::new(A, B), &token, proof.as_deref());
            assert!(dialer.judge_answer(&answer).is_ok());
        }
    }

    #[test]
    fn secrets_that_are_probably_mistakes_are_refused_and_none_is_shown() {
        assert_eq!(SharedSecret::new("correct horse").ready(), Ok(()));
        for (secret, text) in [("", "empty"), ("trailing\n", "white space"), (" x", "white space")]
        {
            for shared in [SharedSecret::new(secret), SharedSecret::new("x").also_accept(secret)] {
                let error = shared.ready().unwrap_err();
                assert!(error.contains(text) && !error.contains("trailing"), "{error}");
            }
        }
        let many = (0..MACS_MAX).fold(SharedSecret::new("x"), |all, _| all.also_accept("y"));
        assert!(many.ready().unwrap_err().contains("at most 3"));
        assert_eq!(format!("{many:?}"), "SharedSecret(..)");
    }
}
