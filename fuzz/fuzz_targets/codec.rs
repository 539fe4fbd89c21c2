//! Runs `grid_fuzz::codec` in libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grid_fuzz::codec(data));
