//! Which keys recent commits wrote, for an engine that does not check commits itself.

use crate::{Checks, Commit};
use kv_api::{Error, Key, Result};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Commits by number, as far back as a transaction is open that they could conflict with. It is whole because the
/// engine's files are open in this process alone.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Held from the check of a commit until its keys are noted.
    committing: Mutex<()>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    newest: u64,
    commits: BTreeMap<u64, BTreeSet<Key>>,
    /// How many tickets there are of each number.
    tickets: BTreeMap<u64, usize>,
}

/// Since which commit a transaction is checked. Take it before the snapshot: a commit between the two is then a conflict
/// that need not be, and never one that is missed.
#[derive(Debug)]
pub struct Ticket {
    ledger: Arc<Ledger>,
    since: u64,
}

impl Ledger {
    /// A ticket for a transaction that begins now.
    pub fn ticket(self: &Arc<Self>) -> Ticket {
        let mut book = self.book.lock();
        let since = book.newest;
        *book.tickets.entry(since).or_default() += 1;
        Ticket { ledger: self.clone(), since }
    }

    /// Runs `apply` where nothing that the commit wrote or depends on has changed, one commit at a time.
    pub fn commit(&self, ticket: &Ticket, commit: &Commit, apply: impl FnOnce() -> Result<()>) -> Result<()> {
        let _committing = self.committing.lock();
        if self.book.lock().changed(ticket.since, commit) {
            return Err(Error::conflict("a key has changed since the snapshot"));
        }
        if commit.writes.is_empty() {
            return Ok(());
        }
        let applied = apply();
        // Noted even where that failed: nobody knows how much of it is in the store.
        let mut book = self.book.lock();
        book.newest += 1;
        let number = book.newest;
        book.commits.insert(number, commit.writes.keys().cloned().collect());
        applied
    }
}

impl Book {
    fn changed(&self, since: u64, commit: &Commit) -> bool {
        self.commits
            .range(since + 1..)
            .any(|(_, keys)| keys.iter().any(|key| commit.writes.contains_key(key)) || touches(&commit.checks, keys))
    }

    /// Forgets the commits that no transaction can conflict with any more.
    fn forget(&mut self) {
        let oldest = self.tickets.keys().next().copied().unwrap_or(self.newest);
        self.commits = self.commits.split_off(&(oldest + 1));
    }
}

fn touches(checks: &Checks, keys: &BTreeSet<Key>) -> bool {
    let in_range = |range: &kv_api::KeyRange| {
        let end = range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        keys.range::<Key, _>((Bound::Included(&range.start), end)).next().is_some()
    };
    checks.keys.iter().any(|key| keys.contains(key)) || checks.ranges.iter().any(in_range)
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut book = self.ledger.book.lock();
        let left = book.tickets.get_mut(&self.since).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            book.tickets.remove(&self.since);
            book.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv_api::KeyRange;

    fn write(key: &'static str) -> Commit {
        Commit { writes: BTreeMap::from([(Key::from(key), None)]), checks: Checks::default() }
    }

    #[test]
    fn the_first_committer_wins_and_its_keys_are_forgotten() {
        let ledger = Arc::new(Ledger::default());
        let (first, second, reader) = (ledger.ticket(), ledger.ticket(), ledger.ticket());
        assert!(ledger.commit(&first, &write("a"), || Ok(())).is_ok());
        assert!(ledger.commit(&second, &write("a"), || Ok(())).is_err_and(|e| e.is_retryable()));
        let ranges = vec![KeyRange::from("a".."b")];
        let scanned = Commit { checks: Checks { ranges, ..Checks::default() }, ..write("z") };
        assert!(ledger.commit(&reader, &scanned, || Ok(())).is_err());
        assert!(ledger.commit(&ledger.ticket(), &scanned, || Ok(())).is_ok());
        drop((first, second, reader));
        drop(ledger.ticket());
        assert!(ledger.book.lock().commits.is_empty());
        assert!(ledger.book.lock().tickets.is_empty());
    }
}
