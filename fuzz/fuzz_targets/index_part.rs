//! See `kv_fuzz::index_part`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv_fuzz::index_part(data));
