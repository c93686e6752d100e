//! kv-lance
#![allow(dead_code)]

mod codec;
mod config;
mod error;
mod journal;
mod memtable;
mod table;

pub use config::{Durability, LanceConfig};
