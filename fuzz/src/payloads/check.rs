//! What is checked of bytes that may be a value.

use std::fmt::Debug;

use bytes::Bytes;
use grid::__private::Layout;
use grid::{ArgTuple, Payload};

/// Decodes these bytes as a `T`, and checks that what is encoded is the same value again.
pub(super) fn check<T: Payload + Clone + PartialEq + Debug>(bytes: &Bytes) {
    let Ok(value) = T::__decode(Some(bytes.clone())) else { return };
    for layout in [Layout::Named, Layout::Compact] {
        let Ok(encoded) = value.clone().__encode(layout) else { continue };
        let encoded = encoded.map(|body| body.into_bytes());
        let again = T::__decode(encoded.clone());
        assert!(
            again.as_ref() == Ok(&value),
            "{layout:?}: {value:?} became {again:?}: {encoded:?}"
        );
    }
}

/// The same for arguments, whose specifications have the layouts.
pub(super) fn check_arguments<A: ArgTuple + Clone + PartialEq + Debug>(
    bytes: &Bytes,
    specs: [A::Specs; 2],
) {
    let Ok(value) = A::__decode(Some(bytes.clone()), &specs[0]) else { return };
    for specs in &specs {
        let Ok(encoded) = value.clone().__encode(specs) else { continue };
        let encoded = encoded.map(|body| body.into_bytes());
        let again = A::__decode(encoded.clone(), specs);
        assert!(again.as_ref() == Ok(&value), "{value:?} became {again:?}: {encoded:?}");
    }
}
