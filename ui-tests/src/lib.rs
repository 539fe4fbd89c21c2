//! Holds the compile-fail tests; see `tests/`.
