//! kv-lance

mod config;

pub use config::{Durability, LanceConfig};
