//! Calls the user's authenticator, which may block, panic or hang, and compares the names that it proves with those that
//! are stated.

use std::time::Duration;

use bytes::Bytes;

use super::steps::within;
use crate::auth::{Answer, Ask, Authenticate, Claim, Denied, Identity, PROOF_BYTES_MAX, Token};
use crate::error::{LinkError, one_line};
use crate::net::serve::workers::Workers;
use crate::proto::is_guest_name;
use crate::proto::wire::PROOF_LEN_MAX;

const _: () = assert!(PROOF_BYTES_MAX == PROOF_LEN_MAX, "what is made can be sent");

/// The step that is reported if an authenticator takes too long.
const STEP: &str = "no answer from the authenticator";

/// The authenticator of a node, the workers on which it may block, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Credentials<'a> {
    pub(super) auth: &'a dyn Authenticate,
    /// The authenticator of guests, if they have one of their own.
    pub(super) guests: Option<&'a dyn Authenticate>,
    pub(super) workers: &'a Workers,
    pub(super) limit: Duration,
}

impl Credentials<'_> {
    /// The authenticator for the node or guest of this name.
    fn of(&self, name: Option<&str>) -> &dyn Authenticate {
        self.guests.filter(|_| name.is_some_and(is_guest_name)).unwrap_or(self.auth)
    }

    async fn judge(&self, claim: Claim<'_>) -> Result<Identity, Denied> {
        let judged = self.of(claim.name).check(claim).await;
        match self.guests {
            // An upgrade request does not state whether it is from a guest.
            Some(guests) if judged.is_err() && claim.name.is_none() => {
                guests.check(claim).await.or(judged)
            }
            _ => judged,
        }
    }

    /// Gets a token for dialing. The caller limits the time.
    pub(super) async fn token(&self, ask: Ask<'_>) -> Result<Token, LinkError> {
        // Calling the method can block as well. So it is in the others.
        let token = self.workers.guard(async { self.auth.token(ask).await }).await;
        token.map_err(|error| LinkError::Token(error.into()))
    }

    /// Checks the token of a dialer. If it states a name, it must be the one that its token proves, if that proves one.
    pub(super) async fn check(&self, claim: Claim<'_>) -> Result<Identity, LinkError> {
        let check = self.workers.guard(async {
            let judged = self.judge(claim).await;
            judged.map_err(|denied| LinkError::Denied { reason: denied.to_string() })
        });
        let identity = within(self.limit, STEP, check).await?;
        match (identity.name(), claim.name) {
            (Some(proven), Some(stated)) if proven != stated => {
                let (proven, stated) = (one_line(proven), one_line(stated));
                let reason = format!("it proves the name {proven}, and the node states {stated}");
                Err(LinkError::Denied { reason })
            }
            _ => Ok(identity),
        }
    }

    /// The proof for a dialer. One that is too long is not sent.
    pub(super) async fn prove(&self, claim: Claim<'_>) -> Result<Option<Bytes>, LinkError> {
        let prove = self.workers.guard(async { Ok(self.of(claim.name).prove(claim).await) });
        let proof = within(self.limit, STEP, prove).await?;
        Ok(proof.filter(|proof| proof.len() <= PROOF_BYTES_MAX).map(Bytes::from))
    }

    /// Checks the proof of a listener. `refused` is the text of its refusal, which counts only if it is believed.
    pub(super) async fn verify(
        &self,
        answer: Answer<'_>,
        refused: Option<&str>,
    ) -> Result<Identity, LinkError> {
        let verify = self.workers.guard(async {
            self.auth.verify(answer).await.map_err(|denied| LinkError::Unproven {
                peer: answer.peer.to_owned(),
                reason: denied.to_string(),
                refused: refused.map(str::to_owned),
            })
        });
        within(self.limit, STEP, verify).await
    }
}
