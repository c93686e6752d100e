//! kv-lance
