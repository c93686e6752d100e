//! What decodes bytes that a disk or a user gives, built without Lance.
//!
//! The files in this folder are links to those of kv-lance; what a target does and expects is in its `fuzzing.rs`, which a
//! test of kv-lance runs as well.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "of kv-lance, here is what its decoders need")]

mod codec;
mod config;
mod failure;
mod files;
mod format;
mod import;
mod journal;
mod memtable;
mod table;
mod tally;
mod write;

/// URLs and knobs.
pub fn config(data: &[u8]) {
    config::fuzzing::config(data);
}

/// The keys that separate blocks.
pub fn fences(data: &[u8]) {
    table::run::fuzzing::fences(data);
}

/// Lines and rows of an import.
pub fn import(data: &[u8]) {
    import::import(data);
}

/// The index of a run, whole or to be rebuilt.
pub fn index(data: &[u8]) {
    table::run::fuzzing::index(data);
}

/// A part of the index, and its bloom filter.
pub fn index_part(data: &[u8]) {
    table::run::fuzzing::index_part(data);
}

/// `HEAD` and segments: what opening, looking and saving make of them.
pub fn journal(data: &[u8]) {
    journal::fuzzing::journal(data);
}

/// Operations on a memtable.
pub fn memtable(data: &[u8]) {
    memtable::fuzzing::memtable(data);
}

/// Versions and tombstones of a block.
pub fn row_meta(data: &[u8]) {
    table::run::fuzzing::row_meta(data);
}
