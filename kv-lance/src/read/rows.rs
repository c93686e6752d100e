//! What a merge hands out: rows that lie one after the other in one source, with no other source between them.

use crate::memtable::MemRow;
use crate::table::{Column, KeyBlock, ValBlock};
use kv_api::{Direction, Key, Val, Version};
use std::ops::Range;

/// At least one row, borrowed from the source.
#[derive(Clone)]
pub(crate) struct Rows<'a> {
    source: Source<'a>,
    /// Places in the source, ascending.
    places: Range<usize>,
    direction: Direction,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Memory(&'a MemRow, Vals),
    Block(&'a KeyBlock, Option<&'a ValBlock>),
}

/// Whether the values of rows in memory, which come with their keys, are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vals {
    Shown,
    Hidden,
}

/// One of them. Without values, where a scan is for keys alone, its value is empty.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    source: Source<'a>,
    place: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn of_memory(row: &'a MemRow, vals: bool) -> Self {
        let vals = if vals { Vals::Shown } else { Vals::Hidden };
        Self { source: Source::Memory(row, vals), places: 0..1, direction: Direction::Forward }
    }

    pub(super) fn of_block(
        keys: &'a KeyBlock,
        vals: Option<&'a ValBlock>,
        places: Range<usize>,
        direction: Direction,
    ) -> Self {
        Self { source: Source::Block(keys, vals), places, direction }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Leaves out the first rows.
    pub(crate) fn skip(&mut self, rows: usize) {
        let rows = rows.min(self.len());
        match self.direction {
            Direction::Forward => self.places.start += rows,
            Direction::Backward => self.places.end -= rows,
        }
    }

    /// Leaves out all but the first rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        let beyond = self.len().saturating_sub(rows);
        match self.direction {
            Direction::Forward => self.places.end -= beyond,
            Direction::Backward => self.places.start += beyond,
        }
    }

    /// The rows, in the order of the scan.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let (source, direction, Range { start, end }) = (self.source, self.direction, self.places.clone());
        (0..end - start).map(move |i| {
            let place = match direction {
                Direction::Forward => start + i,
                Direction::Backward => end - 1 - i,
            };
            Row { source, place }
        })
    }

    pub(crate) fn last(&self) -> Option<Row<'a>> {
        let last = match self.direction {
            Direction::Forward => self.places.end.checked_sub(1),
            Direction::Backward => Some(self.places.start),
        };
        last.filter(|place| self.places.contains(place)).map(|place| Row { source: self.source, place })
    }

    /// The columns of keys and values, and which rows of them these are; `None` where they are in memory, or go backwards.
    pub(crate) fn columns(&self) -> Option<(&'a Column, Option<&'a Column>, Range<usize>)> {
        match (self.source, self.direction) {
            (Source::Block(keys, vals), Direction::Forward) => {
                Some((keys.column(), vals.map(|vals| vals.column()), self.places.clone()))
            }
            (Source::Block(..), Direction::Backward) | (Source::Memory(..), _) => None,
        }
    }
}

impl<'a> Row<'a> {
    pub(crate) fn key(&self) -> &'a [u8] {
        match self.source {
            Source::Memory(row, _) => &row.key,
            Source::Block(keys, _) => keys.key(self.place),
        }
    }

    /// The key, sharing the source's memory.
    pub(crate) fn key_slice(&self) -> Key {
        match self.source {
            Source::Memory(row, _) => row.key.clone(),
            Source::Block(keys, _) => keys.key_slice(self.place),
        }
    }

    /// The value; empty for a tombstone.
    pub(crate) fn val(&self) -> &'a [u8] {
        match self.source {
            Source::Memory(row, Vals::Shown) => row.val.as_deref().unwrap_or_default(),
            Source::Memory(_, Vals::Hidden) => &[],
            Source::Block(_, vals) => vals.map_or(&[][..], |vals| vals.val(self.place)),
        }
    }

    /// The value, sharing the source's memory.
    pub(crate) fn val_slice(&self) -> Val {
        match self.source {
            Source::Memory(row, Vals::Shown) => row.val.clone().unwrap_or_default(),
            Source::Memory(_, Vals::Hidden) => Val::new(),
            Source::Block(_, vals) => vals.map_or_else(Val::new, |vals| vals.slice(self.place)),
        }
    }

    /// Of a pending write, which has none yet, the greatest there is.
    pub(crate) fn version(&self) -> Version {
        match self.source {
            Source::Memory(row, _) => row.version,
            Source::Block(keys, _) => keys.version(self.place),
        }
    }

    /// When it was superseded, where it is history.
    pub(crate) fn superseded(&self) -> Option<Version> {
        match self.source {
            Source::Memory(..) => None,
            Source::Block(keys, _) => keys.superseded(self.place),
        }
    }

    /// Whether it erases what was before. Asked of runs alone: what is in memory is never merged into runs.
    pub(crate) fn erases(&self) -> bool {
        match self.source {
            Source::Memory(..) => false,
            Source::Block(keys, _) => keys.erases(self.place),
        }
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        match self.source {
            Source::Memory(row, _) => row.val.is_none(),
            Source::Block(keys, _) => keys.is_tombstone(self.place),
        }
    }
}
