//! The pending writes of a transaction, with save points.

use crate::core::{Snapshots, Stamp};
use crate::memtable::MemRow;
use crate::read::{ChunkSource, Span};
use crate::write::{Write, Writes};
use kv_api::{Direction, Error, Key, KeyRange, MvccSource, Result, Version};
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

/// What a key had before a write: nothing pending, or this.
type Undo = (Key, Option<Write>);

/// Writes and the stack of save points.
#[derive(Default)]
pub(crate) struct Pending {
    writes: Writes,
    /// A commit or a cancellation has taken the writes.
    finished: bool,
    /// Each save point's writes, oldest first, as what they replaced.
    save_points: Vec<Vec<Undo>>,
    /// Its first timestamp.
    stamp: Option<Stamp>,
}

impl Pending {
    fn check_open(&self) -> Result<()> {
        if self.finished { Err(Error::TransactionFinished) } else { Ok(()) }
    }

    /// The writes, unless they have been taken.
    pub(crate) fn writes(&self) -> Result<&Writes> {
        self.check_open().map(|()| &self.writes)
    }

    /// Takes the writes and the timestamp, once: what comes later is refused, as nothing would
    /// commit it.
    pub(crate) fn finish(&mut self) -> Result<(Writes, Option<Stamp>)> {
        self.check_open()?;
        let taken = std::mem::take(self);
        self.finished = true;
        Ok((taken.writes, taken.stamp))
    }

    /// Issues a timestamp. The first is unfinished until the transaction has ended.
    pub(crate) fn timestamp(&mut self, snapshots: &Arc<Snapshots>, source: &dyn MvccSource) -> Result<Version> {
        self.check_open()?;
        if self.stamp.is_some() {
            return source.next();
        }
        let stamp = snapshots.stamp(source)?;
        Ok(self.stamp.insert(stamp).version)
    }

    /// Adds a write. Where one of the key has erased its history before, so does this.
    pub(crate) fn write(&mut self, key: Key, mut write: Write) -> Result<()> {
        self.check_open()?;
        let undo = self.save_points.last_mut();
        let undo_key = undo.as_ref().map(|_| key.clone());
        let before = match self.writes.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(write);
                None
            }
            Entry::Occupied(mut occupied) => {
                write.erases |= occupied.get().erases;
                Some(occupied.insert(write))
            }
        };
        if let Some((undo, key)) = undo.zip(undo_key) {
            undo.push((key, before));
        }
        Ok(())
    }

    pub(crate) fn new_save_point(&mut self) -> Result<()> {
        self.check_open()?;
        self.save_points.push(Vec::new());
        Ok(())
    }

    /// The last save point's writes become those of the one around it.
    pub(crate) fn release(&mut self) -> Result<()> {
        self.check_open()?;
        let released = self.save_points.pop().ok_or(Error::NoSavePointPresent)?;
        if let Some(outer) = self.save_points.last_mut() {
            outer.extend(released);
        }
        Ok(())
    }

    /// Undoes the last save point's writes, newest first.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        self.check_open()?;
        let undo = self.save_points.pop().ok_or(Error::NoSavePointPresent)?;
        for (key, before) in undo.into_iter().rev() {
            match before {
                Some(write) => self.writes.insert(key, write),
                None => self.writes.remove(&key),
            };
        }
        Ok(())
    }
}

/// The pending writes as the newest source of a scan.
pub(super) struct PendingSource<'a>(pub(super) &'a Mutex<Pending>);

impl ChunkSource for PendingSource<'_> {
    fn fetch(&self, range: &KeyRange, span: &Span, max: usize) -> Vec<MemRow> {
        if range.is_empty() {
            return Vec::new();
        }
        let end = range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let pending = self.0.lock();
        let writes = pending.writes.range::<Key, _>((Bound::Included(&range.start), end));
        let own =
            |(key, write): (&Key, &Write)| MemRow { key: key.clone(), version: Version::MAX, val: write.val.clone() };
        match span.direction {
            Direction::Forward => writes.take(max).map(own).collect(),
            Direction::Backward => writes.rev().take(max).map(own).collect(),
        }
    }
}
