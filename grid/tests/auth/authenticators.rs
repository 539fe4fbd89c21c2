//! Authenticators of honest and other nodes.

use std::sync::{Arc, Mutex};

use grid::{
    Answer, Ask, Authenticate, Authenticating, Claim, Denied, Identity, SharedSecret, TokenFuture,
};

/// A shared secret whose tokens somebody else reads.
#[derive(Clone)]
pub(crate) struct Overheard {
    pub(crate) secret: SharedSecret,
    pub(crate) tokens: Arc<Mutex<Vec<String>>>,
}

impl Overheard {
    pub(crate) fn new(secret: &str) -> Self {
        Self { secret: SharedSecret::new(secret), tokens: Arc::default() }
    }
}

impl Authenticate for Overheard {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async move {
            let token = self.secret.token(ask).await?;
            self.tokens.lock().unwrap().push(token.as_str().to_owned());
            Ok(token)
        })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        self.secret.check(claim)
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        self.secret.verify(answer)
    }
}

/// Sends what it was given, believes every listener, and accepts or refuses everything.
pub(crate) struct Stranger {
    pub(crate) token: String,
    /// The reason for which it refuses every name.
    pub(crate) refuses: Option<&'static str>,
    pub(crate) proof: Option<Vec<u8>>,
}

impl Stranger {
    pub(crate) fn with_token(token: &str) -> Self {
        Self { token: token.to_owned(), refuses: None, proof: None }
    }
}

impl Authenticate for Stranger {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok(self.token.clone().into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let refused = self.refuses.filter(|_| claim.name.is_some());
        Box::pin(async move {
            refused.map_or(Ok(Identity::unproven("x")), |reason| Err(Denied::new(reason)))
        })
    }

    fn prove<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        Box::pin(async { self.proof.clone() })
    }
}

/// Tokens that are the name which they prove; `guest` proves none.
pub(crate) struct PerNode(pub(crate) &'static str);

impl Authenticate for PerNode {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok(self.0.into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            match claim.token {
                "" => Err(Denied::new("no token")),
                "guest" => Ok(Identity::unproven("a guest")),
                name => Ok(Identity::of_node(name).with_details(name.len())),
            }
        })
    }
}
