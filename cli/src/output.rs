//! Writing to standard output.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes a line, and fails if nobody reads any more.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
