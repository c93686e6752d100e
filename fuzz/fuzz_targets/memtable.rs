//! See `kv_fuzz::memtable`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv_fuzz::memtable(data));
