//! The writes of a transaction that has not committed, and its save points.

use kv_api::{Key, KeyRange, Val};
use std::collections::{BTreeMap, BTreeSet};

/// What a commit would do to each key.
pub(crate) type Writes = BTreeMap<Key, Write>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Write {
    /// `None` takes the value away.
    pub(crate) val: Option<Val>,
    /// Whether older versions go too.
    pub(crate) erase: bool,
    /// There for the history alone: a store may check it for conflicts or not.
    pub(crate) incidental: bool,
}

/// What a rollback restores.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) writes: Writes,
    /// Keys read with `getu`.
    pub(crate) checked: BTreeSet<Key>,
    /// Keys that a store may write or not: nothing of it shows but in conflicts.
    pub(crate) unsure: BTreeSet<Key>,
}

impl Scope {
    /// Those of a range.
    pub(super) fn writes_in(&self, range: &KeyRange) -> Writes {
        self.writes
            .iter()
            .filter(|(key, _)| range.contains(key))
            .map(|(key, write)| (key.clone(), write.clone()))
            .collect()
    }
}

/// The current scope and, outermost first, copies of it as it was at each open save point.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) now: Scope,
    save_points: Vec<Scope>,
}

impl Pending {
    pub(crate) fn write(&mut self, key: Key, val: Option<Val>) {
        let write = self.now.writes.entry(key).or_default();
        (write.val, write.incidental) = (val, false);
    }

    pub(crate) fn erase(&mut self, key: Key) {
        self.now.writes.insert(key, Write { val: None, erase: true, incidental: false });
    }

    /// Erases the history of a key that has no value.
    pub(crate) fn erase_history(&mut self, key: Key) {
        let incidental = self.now.writes.get(&key).is_none_or(|write| write.incidental);
        self.now.writes.insert(key, Write { val: None, erase: true, incidental });
    }

    /// As [`write`](Self::write), and what was cleared before is not any more, for a mutant.
    pub(super) fn overwrite(&mut self, key: Key, val: Option<Val>) {
        self.now.writes.insert(key, Write { val, ..Write::default() });
    }

    /// Rolls back the values alone, for a mutant.
    pub(super) fn roll_back_values(&mut self) -> Option<()> {
        let after = std::mem::replace(&mut self.now, self.save_points.pop()?);
        for (key, write) in &mut self.now.writes {
            write.erase |= after.writes.get(key).is_some_and(|after| after.erase);
        }
        Some(())
    }

    pub(crate) fn open(&mut self) {
        self.save_points.push(self.now.clone());
    }

    /// `None` where no save point is open.
    pub(crate) fn release(&mut self) -> Option<()> {
        self.save_points.pop().map(drop)
    }

    /// How many save points are open, for a mutant.
    pub(super) fn depth(&self) -> usize {
        self.save_points.len()
    }

    /// Closes all save points, for a mutant.
    pub(super) fn release_all(&mut self) {
        self.save_points.clear();
    }

    /// Closes the last save point and hands out what it would restore, for a mutant.
    pub(super) fn close(&mut self) -> Option<Scope> {
        self.save_points.pop()
    }

    /// Rolls back new keys alone, for a mutant.
    pub(super) fn roll_back_leaking(&mut self) -> Option<()> {
        let before = self.save_points.pop()?;
        self.now.writes.retain(|key, _| before.writes.contains_key(key));
        Some(())
    }

    /// `None` where no save point is open.
    pub(crate) fn rollback(&mut self) -> Option<()> {
        self.now = self.save_points.pop()?;
        Some(())
    }
}
