//! Runs `grid_fuzz::payloads` in libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grid_fuzz::payloads(data));
