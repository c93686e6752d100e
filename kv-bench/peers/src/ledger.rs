//! Which keys recent commits wrote, for an engine that does not check commits itself.

use crate::{Checks, Commit, Snapshot};
use kv_api::{Error, Key, Result, Val};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Commits by number, as far back as a transaction is open that they could conflict with. It is whole because the
/// engine's files are open in this process alone.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Held from the check of a commit until its writes are noted.
    committing: Mutex<()>,
    book: Mutex<Book>,
}

type Writes = BTreeMap<Key, Option<Val>>;

#[derive(Debug, Default)]
struct Book {
    newest: u64,
    commits: BTreeMap<u64, Writes>,
    /// How many tickets there are of each number.
    tickets: BTreeMap<u64, usize>,
}

/// Since which commit a transaction is checked. Take it before the snapshot: what is committed between the two is in the
/// snapshot all the same, and is told from what is not by its values.
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

    /// Runs `apply` where nothing that the commit wrote or depends on has changed since its snapshot, one commit at a time.
    pub fn commit(
        &self,
        (ticket, snapshot): (&Ticket, impl Snapshot),
        commit: Commit,
        apply: impl FnOnce(&Commit) -> Result<()>,
    ) -> Result<()> {
        let _committing = self.committing.lock();
        if self.book.lock().changed(ticket.since, &snapshot, &commit)? {
            return Err(Error::conflict("a key has changed since the snapshot"));
        }
        drop(snapshot);
        if commit.writes.is_empty() {
            return Ok(());
        }
        let applied = apply(&commit);
        // Noted even where that failed: nobody knows how much of it is in the store.
        let mut book = self.book.lock();
        book.newest += 1;
        let number = book.newest;
        book.commits.insert(number, commit.writes);
        applied
    }
}

impl Book {
    fn changed(&self, since: u64, snapshot: &impl Snapshot, commit: &Commit) -> Result<bool> {
        if !self.conflicts(since, commit) {
            return Ok(false);
        }
        let seen = self.seen(since, snapshot)?;
        Ok(seen == since || self.conflicts(seen, commit))
    }

    fn conflicts(&self, since: u64, commit: &Commit) -> bool {
        let in_the_way =
            |keys: &Writes| keys.keys().any(|key| commit.writes.contains_key(key)) || touches(&commit.checks, keys);
        self.commits.range(since + 1..).any(|(_, keys)| in_the_way(keys))
    }

    /// The newest commit that the snapshot is known to hold. A snapshot that holds every commit up to one, and whatever the
    /// next has written, is as that one left the store.
    fn seen(&self, since: u64, snapshot: &impl Snapshot) -> Result<u64> {
        let mut seen = since;
        for (number, writes) in self.commits.range(since + 1..) {
            for (key, val) in writes {
                if snapshot.get(key)? != *val {
                    return Ok(seen);
                }
            }
            seen = *number;
        }
        Ok(seen)
    }

    /// Forgets the commits that no transaction can conflict with any more.
    fn forget(&mut self) {
        let oldest = self.tickets.keys().next().copied().unwrap_or(self.newest);
        self.commits = self.commits.split_off(&(oldest + 1));
    }
}

fn touches(checks: &Checks, writes: &Writes) -> bool {
    let in_range = |range: &kv_api::KeyRange| {
        let end = range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        writes.range::<Key, _>((Bound::Included(&range.start), end)).next().is_some()
    };
    checks.keys.iter().any(|key| writes.contains_key(key)) || checks.ranges.iter().any(in_range)
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
    use crate::Rows;
    use kv_api::{Direction, KeyRange};

    impl Snapshot for Writes {
        fn get(&self, key: &[u8]) -> Result<Option<Val>> {
            Ok(self.get(key).cloned().flatten())
        }

        fn rows(&self, _: &KeyRange, _: Direction, _: bool) -> Result<Rows<'_>> {
            Err(Error::Unsupported { operation: "scans of this snapshot" })
        }
    }

    fn row(key: &'static str, val: &'static str) -> Writes {
        BTreeMap::from([(Key::from(key), Some(Val::from(val)))])
    }

    fn write(key: &'static str, val: &'static str) -> Commit {
        Commit { writes: row(key, val), checks: Checks::default() }
    }

    #[test]
    fn the_first_committer_wins_and_its_keys_are_forgotten() {
        let ledger = Arc::new(Ledger::default());
        let commit = |ticket: &Ticket, commit| ledger.commit((ticket, Writes::new()), commit, |_| Ok(()));
        let (first, second, reader) = (ledger.ticket(), ledger.ticket(), ledger.ticket());
        assert!(commit(&first, write("a", "1")).is_ok());
        assert!(commit(&second, write("a", "2")).is_err_and(|e| e.is_retryable()));
        let scanned = || {
            let ranges = vec![KeyRange::from("a".."b")];
            Commit { checks: Checks { ranges, ..Checks::default() }, ..write("z", "") }
        };
        assert!(commit(&reader, scanned()).is_err());
        assert!(commit(&ledger.ticket(), scanned()).is_ok());
        drop((first, second, reader));
        drop(ledger.ticket());
        assert!(ledger.book.lock().commits.is_empty());
        assert!(ledger.book.lock().tickets.is_empty());
    }

    /// A storm of increments on LMDB conflicted twice with a commit that both attempts had read: it had been in the store, and not
    /// yet in the book, when the first began.
    #[test]
    fn a_commit_that_the_snapshot_holds_is_no_conflict() {
        let ledger = Arc::new(Ledger::default());
        let commit = |ticket: &Ticket, seen, commit| ledger.commit((ticket, seen), commit, |_| Ok(()));
        let [none, one, both, other] = std::array::from_fn(|_| ledger.ticket());
        assert!(commit(&ledger.ticket(), Writes::new(), write("a", "1")).is_ok());
        assert!(commit(&ledger.ticket(), row("a", "1"), write("b", "1")).is_ok());
        assert!(commit(&none, Writes::new(), write("a", "2")).is_err());
        assert!(commit(&other, row("b", "1"), write("a", "2")).is_err(), "what came first is not in its snapshot");
        assert!(commit(&one, row("a", "1"), write("b", "2")).is_err());
        let snapshot = row("a", "1").into_iter().chain(row("b", "1")).collect();
        assert!(commit(&both, snapshot, write("b", "2")).is_ok());
    }
}
