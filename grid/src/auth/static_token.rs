//! [`StaticToken`], which sends a secret as it is, and [`NoAuth`].

use std::fmt;

use super::authenticate::{Ask, Authenticate, Authenticating, Claim, Denied, Token, TokenFuture};
use super::hmac::same;
use super::identity::Identity;

/// One secret that all nodes share and send as it is, as Go nodes do.
///
/// Who can read a connection, or answers at the address of a node, learns the secret and can join the grid under every
/// name. Between nodes of this library, use a [`SharedSecret`](crate::SharedSecret), which is not sent. Otherwise use TLS
/// (see [`Builder::dial_with`](crate::Builder::dial_with)).
///
/// ```
/// let builder = grid::Manager::builder("http://node1:9000").token(grid::StaticToken::new("a token of Go nodes"));
/// # let _ = builder;
/// ```
#[derive(Clone)]
pub struct StaticToken(String);

impl StaticToken {
    /// Uses this secret as the token. It must not be empty, must be printable ASCII, and must not end with a space, because
    /// it is sent in a header. [`Builder::build`](crate::Builder::build) refuses another one.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    fn judge(&self, token: &str) -> Result<Identity, Denied> {
        if self.0.is_empty() {
            // An unset environment variable must not disable authentication; `NoAuth` does that explicitly.
            return Err(Denied::new("this node has an empty token, which accepts no other one"));
        }
        if same(token.as_bytes(), self.0.as_bytes()) {
            Ok(Identity::unproven("a node that has the token"))
        } else {
            Err(Denied::new("invalid token"))
        }
    }
}

impl Authenticate for StaticToken {
    fn ready(&self) -> Result<(), String> {
        if self.0.is_empty() {
            // Usually an environment variable that is not set.
            return Err("the token is empty; to accept every node, use `NoAuth`".to_owned());
        }
        if !fits_header(&self.0) {
            return Err(format!("the token cannot be sent: {HEADER_RULE}"));
        }
        Ok(())
    }

    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        let token = Token::new(&self.0);
        Box::pin(async { Ok(token) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let judged = self.judge(claim.token);
        Box::pin(async { judged })
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticToken(..)")
    }
}

/// What a token must be to travel in an HTTP header.
pub(crate) const HEADER_RULE: &str =
    "a token must be printable ASCII, without a line break, and must not end with a space";

/// Whether a token can be sent in a header unchanged. Trailing spaces are removed from headers, and the meaning of bytes
/// beyond ASCII is not defined.
pub(crate) fn fits_header(token: &str) -> bool {
    token.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !token.ends_with(' ')
}

/// No authentication: for tests, and for networks in which every node may join under every name of the host list.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuth;

impl Authenticate for NoAuth {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok(Token::new("")) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async { Ok(Identity::unproven("anyone")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_as_a_whole_and_never_shown() {
        let token = StaticToken::new("correct horse");
        assert_eq!(token.judge("correct horse").unwrap().name(), None);
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(token.judge(wrong).unwrap_err(), Denied::new("invalid token"), "{wrong:?}");
        }
        assert!(StaticToken::new("").judge("").is_err(), "an empty token accepts nothing");
        assert_eq!(token.ready(), Ok(()));
        for unfit in ["", "two\nlines", "ends with a space ", "schl\u{fc}ssel"] {
            let error = StaticToken::new(unfit).ready().unwrap_err();
            assert!(unfit.is_empty() || !error.contains(unfit), "{error}");
        }
        assert!(fits_header("") && fits_header(" !~ x"));
        assert_eq!(format!("{token:?}"), "StaticToken(..)");
        assert!(!format!("{:?}", Claim::new("correct horse")).contains("horse"));
    }
}
