//! kv-bench
