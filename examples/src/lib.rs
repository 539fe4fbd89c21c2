//! Programs that use grid; see the binaries.
