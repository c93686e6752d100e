//! The writes of a transaction, with save points.

use kv_api::{Direction, Key, KeyRange, Val};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A write that is not there yet: `None` takes the key away.
pub(super) type Write = Option<Val>;

/// Writes, and what they replaced since each open save point.
#[derive(Debug, Default)]
pub(super) struct Pending {
    writes: BTreeMap<Key, Write>,
    undo: Vec<Vec<(Key, Option<Write>)>>,
}

impl Pending {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Write> {
        self.writes.get(key)
    }

    pub(super) fn write(&mut self, key: Key, write: Write) {
        let before = self.writes.insert(key.clone(), write);
        if let Some(scope) = self.undo.last_mut() {
            scope.push((key, before));
        }
    }

    /// The writes in a range that is not empty, in the order of a scan.
    pub(super) fn in_range(&self, range: &KeyRange, direction: Direction) -> Vec<(Key, Write)> {
        let end = range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let writes = self.writes.range::<Key, _>((Bound::Included(&range.start), end));
        let mut writes: Vec<_> = writes.map(|(key, write)| (key.clone(), write.clone())).collect();
        if direction == Direction::Backward {
            writes.reverse();
        }
        writes
    }

    pub(super) fn save(&mut self) {
        self.undo.push(Vec::new());
    }

    /// `None` where no save point is open.
    pub(super) fn release(&mut self) -> Option<()> {
        let scope = self.undo.pop()?;
        if let Some(around) = self.undo.last_mut() {
            around.extend(scope);
        }
        Some(())
    }

    /// `None` where no save point is open.
    pub(super) fn rollback(&mut self) -> Option<()> {
        for (key, before) in self.undo.pop()?.into_iter().rev() {
            match before {
                Some(write) => self.writes.insert(key, write),
                None => self.writes.remove(&key),
            };
        }
        Some(())
    }

    pub(super) fn into_writes(self) -> BTreeMap<Key, Write> {
        self.writes
    }
}
