//! The journal: every commit since the last flush, in segments of checksummed records.
//!
//! A memtable and the segments written while it was active belong together: when the memtable has
//! become a run, its segments are removed. [`record`] says what a record looks like, [`segment`]
//! how records become durable, [`reading`] and [`replay`] how they are read back, [`intact`] what damage means,
//! [`head`] and [`mark`] how a missing end is noticed, [`salvage`] what can be saved of a damaged one.

mod dir;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod head;
mod intact;
mod mark;
mod reading;
mod record;
mod replay;
mod salvage;
mod sector;
mod segment;
mod verify;

pub(crate) use dir::JournalDir;
pub(crate) use error::JournalError;
pub(crate) use record::{MAX_PAYLOAD, Record, RecordBuilder};
pub(crate) use replay::replay;
pub(crate) use salvage::{Piece, salvage};
pub(crate) use segment::{Journal, SegmentFile};
pub(crate) use verify::verify;
