//! A run without its columns, which Lance decodes.

mod block;
mod bloom;
mod column;
mod data_file;
mod fences;
pub(crate) mod fuzzing;
mod index;
mod index_cache;
mod index_part;
mod new_row;
mod row_meta;
mod statistics;

pub(crate) use new_row::NewRow;
