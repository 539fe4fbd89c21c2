//! What a thread has noticed while it decoded a value: whether other forms of the same value are worth an attempt, and
//! whether names of fields may decide what the value is.

use std::cell::Cell;

/// Something that decoding depended on.
#[derive(Clone, Copy)]
pub(in crate::rpc) enum Notice {
    /// An array or a map was kept in serde's buffer, as inside untagged, internally tagged and flattened types.
    Buffered = 1,
    /// Bytes were kept in serde's buffer.
    BufferedBytes = 2,
    /// A type has asked for its form, readable or binary.
    AskedForm = 4,
    /// An array has ended before a struct had all of its fields. Types that accept anything notice it of all arrays.
    Shorter = 8,
}

thread_local! {
    static NOTICED: Cell<u8> = const { Cell::new(0) };
}

/// Begins to decode a value.
#[inline]
pub(in crate::rpc) fn begin() {
    NOTICED.set(0);
}

#[inline]
pub(super) fn notice(what: Notice) {
    NOTICED.set(NOTICED.get() | what as u8);
}

/// Whether something was noticed in the value that this thread has decoded last.
pub(in crate::rpc) fn noticed(what: Notice) -> bool {
    NOTICED.get() & what as u8 != 0
}
