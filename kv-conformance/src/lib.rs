//! kv-conformance
