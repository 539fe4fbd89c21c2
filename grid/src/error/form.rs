//! How errors of streams are serialised when they are a part of a user's error (docs/protocol.md, 2.2). Not as serde would
//! derive it: what they hold, such as [`LinkError`](super::LinkError), need not be sent, and later versions may add to it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One of several errors: the name of its variant and the text of what that holds. Later versions may add fields.
#[derive(Serialize, Deserialize)]
pub(crate) struct ErrorForm {
    pub(crate) what: Cow<'static, str>,
    pub(crate) text: String,
}

impl ErrorForm {
    pub(crate) fn new(what: &'static str, of: &impl ToString) -> Self {
        Self { what: Cow::Borrowed(what), text: of.to_string() }
    }
}

/// An error that says nothing more yet. A map, not nil, so that fields can be added, and `Some` of it is not nil.
#[derive(Serialize, Deserialize)]
pub(super) struct EmptyForm {}
