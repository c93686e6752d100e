//! One step of a sequence.

use crate::fixture::text;
use kv_api::{Direction, Key, KeyRange, ScanLimit, Val};
use std::fmt;

/// A step. Every sequence of steps means something, so that shrinking can take any of them out.
#[derive(Clone)]
pub(crate) enum Op {
    /// Something done in the transaction of a slot.
    In {
        slot: usize,
        /// How to begin one where the slot has none.
        how: How,
        /// Uses a finished one where there is one, instead of beginning anew.
        insist: bool,
        act: Act,
    },
    Flush,
    Compact,
    /// All transactions are dropped, the store is shut down and opened again; in memory, nothing but the drops.
    Reopen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Read,
    Write,
    Serializable,
}

/// Something done in a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Get(Key, At),
    Exists(Key, At),
    Getm(Vec<Key>, At),
    Getu(Key),
    Set(Key, Filler),
    Put(Key, Filler),
    Putc(Key, Filler, Chk),
    Del(Key),
    Setm(Vec<(Key, Filler)>),
    Delm(Vec<Key>),
    Delc(Key, Chk),
    Clr(Key),
    Delr(KeyRange),
    Clrr(KeyRange),
    /// Sets so many keys.
    Fill(usize, Filler),
    /// Opens so many save points, with a write before each.
    Nest(usize, Filler),
    /// Rolls back so many, and counts after each.
    Unwind(usize),
    Scan(Scan),
    Count(KeyRange, At),
    /// A visit that breaks at a row, if it comes to it.
    Visit(Visit),
    Batch(KeyRange, u32, At),
    SavePoint,
    Release,
    Rollback,
    Commit,
    Cancel,
    Drop,
}

impl Act {
    /// The key whose value decides.
    pub(crate) fn condition(&self) -> Option<&Key> {
        match self {
            Self::Putc(key, ..) | Self::Delc(key, _) => Some(key),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) limit: ScanLimit,
    pub(crate) skip: u32,
    pub(crate) keys_only: bool,
    pub(crate) at: At,
}

#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) vals: bool,
    /// The number of the row at which it breaks; 0 is taken for none.
    pub(crate) most: usize,
    pub(crate) at: At,
}

/// When to read. Commits are counted modulo those that there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Now,
    Commit(u16),
    JustBefore(u16),
}

/// One of the keys of [`Act::Fill`].
pub(crate) fn of_fill(n: usize) -> Key {
    format!("fill{n:04}").into()
}

/// What a conditional write expects.
#[derive(Clone, Debug)]
pub(crate) enum Chk {
    /// What the transaction sees.
    Current,
    /// No value.
    Missing,
    /// Perhaps another value.
    Value(Filler),
}

/// A value that is told from others by its number.
#[derive(Clone, Copy)]
pub(crate) struct Filler {
    pub(crate) number: u16,
    pub(crate) len: usize,
}

impl Filler {
    pub(crate) fn val(self) -> Val {
        let mut val = self.number.to_string().into_bytes();
        val.resize(self.len, b'.');
        val.into()
    }
}

impl fmt::Debug for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", text(&self.val()))
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In { slot, how, insist, act } => {
                write!(f, "{slot} ({how:?}{}): {act:?}", if *insist { ", finished or not" } else { "" })
            }
            Self::Flush => f.write_str("flush"),
            Self::Compact => f.write_str("compact"),
            Self::Reopen => f.write_str("reopen"),
        }
    }
}
