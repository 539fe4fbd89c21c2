//! What can go wrong, one enum per question.
//!
//! [`CallError`] is about a call: may I retry, may it have run, whose fault was it? [`LinkError`] is about a link: why are two
//! nodes not connected?

mod call;
mod link;

pub use call::{CallError, Closed, CodecError, ErrorCode, RemoteError, Sent};
pub(crate) use call::{Failure, Fault};
pub use link::{Cause, LinkError};
