//! Empty: the compile tests are in `tests/`.
