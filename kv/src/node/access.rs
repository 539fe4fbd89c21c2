//! Who may do what: clients and operators are guests, each with a secret of their own.

use grid::admin::Operators;
use grid::{
    Answer, Ask, Authenticate, Authenticating, CallInfo, Claim, Denied, Guests, Identity,
    SharedSecret, TokenFuture,
};

/// Guests that are connected at once. Each may have many calls.
const GUESTS_MAX: usize = 1024;

/// What a guest may do. It is in the details of its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Calls `Kv`.
    Client,
    /// Calls everything: changes members, and looks into the node.
    Operator,
}

/// An authenticator with a secret for each role.
struct Secrets {
    roles: Vec<(Role, SharedSecret)>,
}

impl Authenticate for Secrets {
    fn ready(&self) -> Result<(), String> {
        self.roles.iter().try_for_each(|(_, secret)| secret.ready())
    }

    /// Never asked: this is for guests, which dial.
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        match self.roles.first() {
            Some((_, secret)) => secret.token(ask),
            None => Box::pin(async { Err("guests are not permitted".into()) }),
        }
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            let mut denied = Denied::new("guests are not permitted");
            for (role, secret) in &self.roles {
                match secret.check(claim).await {
                    Ok(identity) => return Ok(identity.with_details(*role)),
                    Err(reason) => denied = reason,
                }
            }
            Err(denied)
        })
    }

    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            for (_, secret) in &self.roles {
                if let Some(proof) = secret.prove(claim).await {
                    return Some(proof);
                }
            }
            None
        })
    }

    fn verify<'a>(&'a self, _: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async { Err(Denied::new("guests are not dialed")) })
    }
}

/// Whether a call is one of an operator.
fn is_operator(call: &CallInfo) -> bool {
    call.context().is_guest() && call.identity().details() == Some(&Role::Operator)
}

/// Adds guests to a node: clients with this secret, and operators with that one. Without a secret there are none of that kind.
/// `configure` adds to what operators may do, such as [`Operators::log_filter`].
pub fn guests(
    node: grid::Builder,
    clients: Option<&str>,
    operators: Option<&str>,
    configure: impl FnOnce(Operators) -> Operators,
) -> grid::Builder {
    let role = |role, secret: Option<&str>| secret.map(|secret| (role, SharedSecret::new(secret)));
    let roles = [role(Role::Client, clients), role(Role::Operator, operators)];
    let roles: Vec<_> = roles.into_iter().flatten().collect();
    if roles.is_empty() {
        return node;
    }
    let guests = Guests::up_to(GUESTS_MAX).token(Secrets { roles }).permit(|call| {
        match matches!(call.service(), "Kv" | "grid.Reflection") || is_operator(call) {
            true => Ok(()),
            false => Err(Denied::new("only operators may, who have a secret of their own")),
        }
    });
    let admin = Operators::permit(|call| match is_operator(call) {
        true => Ok(()),
        false => Err(Denied::new("only operators may")),
    });
    node.guests(guests).admin(configure(admin))
}
