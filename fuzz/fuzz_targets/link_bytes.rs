//! Runs `grid_fuzz::link_bytes` in libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grid_fuzz::link_bytes(data));
