//! What can go wrong, one enum per question.
//!
//! [`CallError`] is about a call: may I retry, may it have run, whose fault was it? [`LinkError`] is about a link: why are two
//! nodes not connected?

mod call;
mod codec;
mod fault;
mod link;

pub(crate) use call::CallFailure;
pub use call::{CallError, Sent};
pub(crate) use codec::too_large;
pub use codec::{Closed, CodecError, SendError};
pub(crate) use fault::Fault;
pub use fault::{ErrorCode, RemoteError};
pub use link::{Cause, LinkError};
