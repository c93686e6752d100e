//! See `kv_fuzz::row_meta`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv_fuzz::row_meta(data));
