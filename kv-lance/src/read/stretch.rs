//! Rows that lie one after the other in a block of a run, with no other source between them.

use crate::table::{Column, KeyBlock, ValBlock};
use kv_api::{Key, Val};
use std::ops::Range;
use std::sync::Arc;

/// At least one row; each is live and the only one of its key.
pub(crate) struct Stretch {
    keys: Arc<KeyBlock>,
    vals: Option<Arc<ValBlock>>,
    rows: Range<usize>,
}

impl Stretch {
    pub(super) fn new(keys: Arc<KeyBlock>, vals: Option<Arc<ValBlock>>, rows: Range<usize>) -> Self {
        Self { keys, vals, rows }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Leaves out the first rows.
    pub(crate) fn skip(&mut self, rows: usize) {
        self.rows.start = self.rows.end.min(self.rows.start + rows);
    }

    /// Leaves out all but the first rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.rows.end = self.rows.end.min(self.rows.start + rows);
    }

    /// Key and value of each row; without values, empty ones.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Key, Val)> + '_ {
        let val = |row| self.vals.as_ref().map_or_else(Val::new, |vals| vals.slice(row));
        self.rows.clone().map(move |row| (self.keys.key_slice(row), val(row)))
    }

    pub(crate) fn last_key(&self) -> Option<Key> {
        (!self.rows.is_empty()).then(|| self.keys.key_slice(self.rows.end - 1))
    }

    /// The columns of keys and values, and which rows of them these are.
    pub(crate) fn columns(&self) -> (&Column, Option<&Column>, Range<usize>) {
        (self.keys.column(), self.vals.as_ref().map(|vals| vals.column()), self.rows.clone())
    }
}
