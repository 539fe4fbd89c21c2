//! Authentication: the token that a node sends, how it checks the tokens of other nodes, and how a listener proves that it
//! knows the secret as well.
//!
//! | file | what |
//! |---|---|
//! | `authenticate.rs` | the trait, and what its methods are given |
//! | `identity.rs` | what a check has proven about the other node |
//! | `secret.rs` | [`SharedSecret`]: tokens that prove a secret without sending it |
//! | `signed.rs`, `hmac.rs`, `replay.rs` | the form of these tokens, their MAC, and the tokens that were used |
//! | `static_token.rs` | [`StaticToken`] and [`NoAuth`] |
//! | `jwt.rs` | `Jwt`, with the feature `jwt` |

mod authenticate;
mod hmac;
mod identity;
#[cfg(feature = "jwt")]
mod jwt;
mod replay;
mod secret;
mod signed;
mod static_token;

pub use authenticate::{
    Answer, Ask, Authenticate, Authenticating, Claim, Denied, PROOF_BYTES_MAX, Token, TokenFuture,
};
pub use identity::Identity;
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtClaims, JwtKey, JwtKeyError};
pub use secret::SharedSecret;
pub(crate) use static_token::{HEADER_RULE, fits_header};
pub use static_token::{NoAuth, StaticToken};
