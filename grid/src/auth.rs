//! Who may connect: what a node shows, and how it judges what others show.

use std::fmt;

/// Shows and checks the tokens of a grid.
///
/// All nodes of a grid need authenticators that accept each other's tokens. The token travels in the upgrade request
/// and again in the handshake, in the clear where the names do not say `https`.
pub trait Authenticate: Send + Sync + 'static {
    /// The token that this node shows when it dials `peer`: printable ASCII that does not end with a space, since it
    /// travels in a header.
    fn token(&self, peer: &str) -> String;

    /// Judges the token of somebody who has dialed this node.
    ///
    /// # Errors
    /// [`Denied`] with a reason, which the dialer is told.
    fn check(&self, token: &str) -> Result<(), Denied>;
}

/// A token was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(String);

impl Denied {
    /// With this reason. It is sent to the dialer, so it should not say what would have been right.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// One secret that all nodes know.
///
/// The secret itself is the token: whoever can read the connection can join the grid. Where the network is not
/// trusted, put TLS under it (see [`Builder::dial_with`](crate::Builder::dial_with)).
#[derive(Clone)]
pub struct SharedSecret(String);

impl SharedSecret {
    /// With this secret, which must be printable ASCII and not end with a space, to travel in a header.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
}

impl Authenticate for SharedSecret {
    fn token(&self, _: &str) -> String {
        self.0.clone()
    }

    fn check(&self, token: &str) -> Result<(), Denied> {
        if self.0.is_empty() {
            // A variable that was not set must not open the grid; who wants that has `NoAuth`.
            return Err(Denied::new("this node has an empty secret, which lets nobody in"));
        }
        if same(token.as_bytes(), self.0.as_bytes()) {
            Ok(())
        } else {
            Err(Denied::new("invalid token"))
        }
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Compares in a time that depends on the lengths only, so that nobody can guess a secret byte by byte.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}

/// Nobody is asked for anything: for tests and for networks where everyone may join.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuth;

impl Authenticate for NoAuth {
    fn token(&self, _: &str) -> String {
        String::new()
    }

    fn check(&self, _: &str) -> Result<(), Denied> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_whole_and_never_shown() {
        let secret = SharedSecret::new("correct horse");
        assert_eq!(secret.check("correct horse"), Ok(()));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(secret.check(wrong), Err(Denied::new("invalid token")), "{wrong:?}");
        }
        assert!(SharedSecret::new("").check("").is_err(), "no secret is no key");
        assert_eq!(format!("{secret:?}"), "SharedSecret(..)");
    }
}
