//! Empty: the tests of what can be sent are in `tests/`.
