//! Posts: single requests whose outcome nobody waits for.
//!
//! On the wire a post is like any other request, and its entry is in the table until the call is over: it counts as in
//! flight, and has its deadline. But its outcome is not kept: there is no owner who would take it. And as there is no owner
//! who would wait, the link limits how many there are (post_room.rs).

use std::sync::Arc;
use std::time::Instant;

use super::call::CallSpec;
use super::post_room::PostShare;
use crate::error::CallFailure;
use crate::proto::body::Body;
use crate::proto::link::Link;
use crate::proto::muxes::Key;

impl Link {
    /// Sends a single request, or lets it wait as [`start_call`](Self::start_call) does, and forgets it when it is over.
    pub(crate) fn post(&mut self, now: Instant, spec: &CallSpec) -> Result<(), CallFailure> {
        debug_assert!(spec.stream.is_none(), "the ends of a stream have an owner");
        self.begin_call(now, spec, true).map(drop)
    }

    /// Takes room for a post whose request has this length, with its metadata.
    pub(crate) fn take_post_room(&mut self, request_len: usize) -> Result<PostShare, CallFailure> {
        let max = self.limits.posts_bytes_max;
        let full = || CallFailure::PostsFull { peer: Arc::clone(&self.peer), max };
        self.posts.take(request_len, max).ok_or_else(full)
    }

    /// A post is over.
    pub(crate) fn give_back_post_room(&mut self, share: PostShare) {
        self.posts.give_back(share);
    }

    /// Like [`take_post_room`](Self::take_post_room), for a call that may be no post.
    pub(super) fn post_room_of(
        &mut self,
        spec: &CallSpec,
        meta_len: usize,
        is_post: bool,
    ) -> Result<Option<PostShare>, CallFailure> {
        if !is_post {
            return Ok(None);
        }
        let payload_len = spec.payload.as_ref().map_or(0, Body::len);
        self.take_post_room(payload_len + meta_len).map(Some)
    }

    /// A post is over, with an answer or a failure: its entry is not needed any more.
    pub(super) fn complete_post(
        &mut self,
        key: Key,
        share: PostShare,
        failure: Option<CallFailure>,
    ) {
        self.unbind_call(key);
        self.remove_call(key);
        self.give_back_post_room(share);
        if let Some(failure) = failure {
            self.release_failure(failure);
        }
    }
}
