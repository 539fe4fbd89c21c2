//! [`rpc_error`]: what a failed call of grid is to openraft.

use std::error::Error;

use grid::{CallError, ErrorCode};
use openraft::errors::{NetworkError, RPCError, RemoteError, Timeout, Unreachable};
use openraft::{RPCTypes, RaftTypeConfig};

/// Converts the error of a call into openraft's, for services of your own that nodes of a group call, such as one that forwards
/// writes to the leader.
///
/// | the call | is | so openraft |
/// |---|---|---|
/// | reached its deadline, here or at the callee | [`RPCError::Timeout`] | tries again |
/// | failed with the error of the handler | [`RPCError::RemoteError`] | gives it to you |
/// | was not sent, or was refused before its handler ran | [`RPCError::Unreachable`] | pauses before it tries again |
/// | may have run, and has no answer | [`RPCError::Network`] | tries again |
///
/// `id` is the node that has made the call, and `target` the one that was called.
///
/// ```
/// use grid::{CallError, RemoteError};
/// use openraft::RPCTypes;
/// use openraft::errors::RPCError;
///
/// openraft::declare_raft_types!(pub Types: D = String, R = String);
///
/// let refused = CallError::Handler(RemoteError::new("not the leader"));
/// let error = grid_openraft::rpc_error::<Types, _>(refused, RPCTypes::AppendEntries, 1, 2);
/// assert!(matches!(error, RPCError::RemoteError(error) if error.target == 2));
/// ```
pub fn rpc_error<C, E>(
    error: CallError<E>,
    action: RPCTypes,
    id: C::NodeId,
    target: C::NodeId,
) -> RPCError<C, E>
where
    C: RaftTypeConfig,
    E: Error + 'static,
{
    match error {
        CallError::Handler(error) => RemoteError::new(target, error).into(),
        CallError::DeadlineExceeded { after, .. } => {
            Timeout { action, id, target, timeout: after }.into()
        }
        CallError::Remote(error) if error.code == ErrorCode::DeadlineExceeded => {
            // The callee says so without the time, which passes here as well.
            Timeout { action, id, target, timeout: Default::default() }.into()
        }
        error if error.may_have_run() => NetworkError::new(&error).into(),
        error => Unreachable::new(&error).into(),
    }
}
