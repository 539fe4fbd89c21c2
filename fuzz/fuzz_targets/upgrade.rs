//! Runs `grid_fuzz::upgrade` in libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grid_fuzz::upgrade(data));
