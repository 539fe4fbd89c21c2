//! The error types of the crate.
//!
//! [`CallError`] says why a call failed, whether it may have run, and whether it can be retried. [`LinkError`] says why
//! two nodes are not connected.

use std::borrow::Cow;

mod call;
mod clocks;
mod codec;
mod fault;
mod form;
mod link;
mod nearest;

pub(crate) use call::{Again, CallFailure};
pub use call::{CallError, Sent};
#[cfg(feature = "tls-no-provider")]
pub(crate) use clocks::Utc;
pub(crate) use clocks::clocks_text;
pub use codec::{Closed, CodecError, SendError};
pub(crate) use codec::{request_too_large, too_large};
pub(crate) use fault::Fault;
pub use fault::{ErrorCode, RemoteError};
pub(crate) use form::ErrorForm;
pub use link::{Cause, LinkError};
pub(crate) use nearest::{did_you_mean, nearest};

/// A text of a peer or a stranger, for errors. It must not begin new lines in logs.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A text of at most this many bytes: as many words as fit, and `…` if that is not all.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> Cow<'_, str> {
    const MORE: &str = " …";
    /// A longer word is cut.
    const WORD: usize = 30;
    if text.len() <= bytes_max {
        return text.into();
    }
    let max = bytes_max.saturating_sub(MORE.len());
    // The method of `str` for this is newer than the minimum supported Rust version.
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let end = text[..end].rfind(' ').filter(|space| end - space <= WORD).unwrap_or(end);
    format!("{}{MORE}", &text[..end]).into()
}
