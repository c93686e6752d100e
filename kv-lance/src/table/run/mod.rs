//! A sorted run: one Lance data file, read block by block.
//!
//! It holds rows `(key, version, tombstone, val)`, or of history `(key, version, superseded, val)`,
//! sorted by key ascending, then version descending. What the engine needs to find a row (fences, bloom filter, statistics) and to trust
//! it (checksums) is in global buffers of the same file, which other readers of Lance ignore.

mod block;
mod bloom;
mod cache;
mod changes;
mod column;
mod column_reader;
mod data_file;
mod erasures;
mod estimates;
mod fences;
mod find;
mod index;
mod index_builder;
mod index_cache;
mod index_part;
mod load;
mod new_row;
mod opening;
mod reader;
mod row_meta;
mod rows;
mod runs_writer;
mod salvage;
mod statistics;
mod stored;
mod synced_writer;
mod uncached;
mod verify;
mod versions;
mod writer;

pub(crate) use block::{KeyBlock, ValBlock};
pub(crate) use bloom::hash;
pub(crate) use cache::BlockCache;
pub(crate) use column::Column;
pub(crate) use find::RowPlace;
pub(crate) use load::ReadAhead;
pub(crate) use new_row::NewRow;
pub(crate) use reader::Run;
pub(crate) use runs_writer::{RunExtent, RunsWriter};
pub(in crate::table) use salvage::Salvaged;
pub(crate) use writer::WrittenRun;
pub(in crate::table) use writer::{FILE_VERSION, RunPlace};

#[cfg(test)]
mod fuzzing;
#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
