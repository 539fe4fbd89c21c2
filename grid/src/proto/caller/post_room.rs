//! [`PostRoom`]: how much this node has posted to a peer that is not over.
//!
//! Calls with an owner need no such limit: each is a future that somebody holds.

use crate::proto::limits::CALL_BYTES;

/// Bytes of the posts that are not over.
#[derive(Debug, Default)]
pub(in crate::proto) struct PostRoom {
    used: usize,
}

/// What one post uses of the room until it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it must be given back when the post is over"]
pub(crate) struct PostShare(usize);

impl PostRoom {
    /// Takes room for a post whose request has this length, with its metadata. One that is alone always has room: else it could never be made.
    pub(super) fn take(&mut self, request_len: usize, max: usize) -> Option<PostShare> {
        let bytes = CALL_BYTES + request_len;
        if self.used > 0 && self.used + bytes > max {
            return None;
        }
        self.used += bytes;
        Some(PostShare(bytes))
    }

    pub(super) fn give_back(&mut self, PostShare(bytes): PostShare) {
        debug_assert!(bytes <= self.used);
        self.used -= bytes;
    }

    #[cfg(test)]
    pub(in crate::proto) fn used(&self) -> usize {
        self.used
    }
}
