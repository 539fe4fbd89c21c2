//! Why a value cannot be encoded, and where in it.

use std::fmt;

use serde::ser;

use crate::CodecError;

/// Fields that an error names: a linked structure has one for each of its levels.
const PATH_MAX: usize = 8;

/// The error of the serialiser. Boxed, so that results without an error are small.
#[derive(Debug)]
pub(in crate::rpc) struct PackError(Box<Cause>);

#[derive(Debug)]
struct Cause {
    text: String,
    /// The fields around the value, the innermost first.
    path: Vec<&'static str>,
}

impl PackError {
    #[cold]
    pub(in crate::rpc) fn new(text: impl fmt::Display) -> Self {
        Self(Box::new(Cause { text: text.to_string(), path: Vec::new() }))
    }

    /// Adds the field around the place of the error.
    #[cold]
    pub(super) fn inside(mut self, field: &'static str) -> Self {
        if self.0.path.len() < PATH_MAX {
            self.0.path.push(field);
        }
        self
    }

    /// The error for a whole value of this type.
    #[cold]
    pub(in crate::rpc) fn of<T>(self) -> CodecError {
        let Cause { text, path } = &*self.0;
        let name = std::any::type_name::<T>();
        if path.is_empty() {
            return CodecError::new(format_args!("{text} (in `{name}`)"));
        }
        let path: Vec<_> = path.iter().rev().copied().collect();
        CodecError::new(format_args!("{text} (at `{}` in `{name}`)", path.join(".")))
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl std::error::Error for PackError {}

impl ser::Error for PackError {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text)
    }
}
