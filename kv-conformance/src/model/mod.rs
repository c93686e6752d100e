//! The reference store: the contract, written as simply as it can be.
//!
//! It is the oracle of the property suite and the first backend that every suite must accept, so it trades every
//! bit of speed for being obviously right: history is never thrown away, a save point is a copy of the
//! pending writes, a scan builds the whole merged view and then cuts a page out of it.

mod branch;
mod bugs;
mod conflict;
mod disk;
mod estimates;
mod feed;
mod feed_bugs;
mod history;
mod mutant;
mod page;
mod pending;
mod reader;
mod reads;
mod reference;
mod scan;
mod stamps;
mod steps;
mod tags;
mod transaction;
mod visit;

pub use disk::Disk;
pub use mutant::Mutant;
pub use reference::Reference;

pub(crate) use conflict::Verdict;
pub(crate) use transaction::ReferenceTransaction;
