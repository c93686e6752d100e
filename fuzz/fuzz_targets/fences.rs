//! See `kv_fuzz::fences`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv_fuzz::fences(data));
