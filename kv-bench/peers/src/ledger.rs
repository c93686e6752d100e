//! Which keys recent commits wrote, for an engine that does not check commits itself.

use crate::{Checks, Commit, Snapshot};
use kv_api::{Error, Key, Result, TransactionType, Val};
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
    /// Whether one more is being applied.
    applying: bool,
    commits: BTreeMap<u64, Writes>,
    /// How many tickets there are of each number.
    tickets: BTreeMap<u64, usize>,
}

/// Which commits a transaction is checked against.
#[derive(Debug)]
pub struct Ticket {
    ledger: Arc<Ledger>,
    /// All up to this one are in the snapshot.
    since: u64,
    /// Those up to this one may be: they became visible while it was taken, if they did. Their values tell.
    until: u64,
}

impl Ledger {
    /// Takes a snapshot for a transaction that begins now, with a ticket where it may commit.
    pub fn begin<S>(
        self: &Arc<Self>,
        kind: TransactionType,
        snapshot: impl FnOnce() -> Result<S>,
    ) -> Result<(Option<Ticket>, S)> {
        if kind == TransactionType::Read {
            return Ok((None, snapshot()?));
        }
        let since = {
            let mut book = self.book.lock();
            let since = book.newest;
            *book.tickets.entry(since).or_default() += 1;
            since
        };
        // From here on the ticket gives back what has been counted, whatever happens.
        let mut ticket = Ticket { ledger: self.clone(), since, until: since };
        let snapshot = snapshot()?;
        let book = self.book.lock();
        ticket.until = book.newest + u64::from(book.applying);
        drop(book);
        Ok((Some(ticket), snapshot))
    }

    /// Runs `apply` where nothing that the commit wrote or depends on has changed since its snapshot, one commit at a time.
    pub fn commit(
        &self,
        (ticket, snapshot): (&Ticket, impl Snapshot),
        commit: Commit,
        apply: impl FnOnce(&Commit) -> Result<()>,
    ) -> Result<()> {
        let _committing = self.committing.lock();
        {
            let mut book = self.book.lock();
            if book.changed(ticket, &snapshot, &commit)? {
                return Err(Error::conflict("a key has changed since the snapshot"));
            }
            if commit.writes.is_empty() {
                return Ok(());
            }
            book.applying = true;
        }
        drop(snapshot);
        let applied = apply(&commit);
        // Noted even where that failed: nobody knows how much of it is in the store.
        let mut book = self.book.lock();
        book.applying = false;
        book.newest += 1;
        let number = book.newest;
        book.commits.insert(number, commit.writes);
        applied
    }
}

impl Book {
    fn changed(&self, ticket: &Ticket, snapshot: &impl Snapshot, commit: &Commit) -> Result<bool> {
        if !self.conflicts(ticket.since, commit) {
            return Ok(false);
        }
        let seen = self.seen(ticket, snapshot)?;
        Ok(seen == ticket.since || self.conflicts(seen, commit))
    }

    fn conflicts(&self, since: u64, commit: &Commit) -> bool {
        let in_the_way =
            |keys: &Writes| keys.keys().any(|key| commit.writes.contains_key(key)) || touches(&commit.checks, keys);
        self.commits.range(since + 1..).any(|(_, keys)| in_the_way(keys))
    }

    /// The newest commit that the snapshot is known to hold. A snapshot that holds every commit up to one, and whatever the
    /// next has written, is as that one left the store.
    fn seen(&self, ticket: &Ticket, snapshot: &impl Snapshot) -> Result<u64> {
        let mut seen = ticket.since;
        for (number, writes) in self.commits.range(seen + 1..).take_while(|(number, _)| **number <= ticket.until) {
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

    fn begin(ledger: &Arc<Ledger>) -> Result<Ticket> {
        let (ticket, ()) = ledger.begin(TransactionType::Write, || Ok(()))?;
        ticket.ok_or(Error::TransactionReadonly)
    }

    #[test]
    fn the_first_committer_wins_and_its_keys_are_forgotten() -> Result<()> {
        let ledger = Arc::new(Ledger::default());
        let commit = |ticket: &Ticket, commit| ledger.commit((ticket, Writes::new()), commit, |_| Ok(()));
        let (first, second, reader) = (begin(&ledger)?, begin(&ledger)?, begin(&ledger)?);
        commit(&first, write("a", "1"))?;
        assert!(commit(&second, write("a", "2")).is_err_and(|e| e.is_retryable()));
        let scanned = || {
            let ranges = vec![KeyRange::from("a".."b")];
            Commit { checks: Checks { ranges, ..Checks::default() }, ..write("z", "") }
        };
        assert!(commit(&reader, scanned()).is_err());
        commit(&begin(&ledger)?, scanned())?;
        drop((first, second, reader));
        drop(begin(&ledger));
        assert!(ledger.book.lock().commits.is_empty());
        assert!(ledger.book.lock().tickets.is_empty());
        Ok(())
    }

    /// A storm of increments on LMDB conflicted twice with a commit that both attempts had read: it had been in the store, and not
    /// yet in the book, when the first began.
    #[test]
    fn a_commit_that_became_visible_while_the_snapshot_was_taken_is_no_conflict() -> Result<()> {
        let ledger = Arc::new(Ledger::default());
        let commit = |ticket: &Ticket, seen, commit| ledger.commit((ticket, seen), commit, |_| Ok(()));
        let (mut holds, mut lacks, mut other, mut late) = Default::default();
        ledger.commit((&begin(&ledger)?, Writes::new()), write("a", "1"), |_| {
            for ticket in [&mut holds, &mut lacks, &mut other, &mut late] {
                *ticket = Some(begin(&ledger)?);
            }
            Ok(())
        })?;
        let ticket = |ticket: Option<Ticket>| ticket.ok_or(Error::TransactionReadonly);
        assert!(commit(&ticket(lacks)?, Writes::new(), write("a", "2")).is_err());
        commit(&ticket(holds)?, row("a", "1"), write("a", "2"))?;
        assert!(commit(&ticket(other)?, row("a", "1"), write("a", "3")).is_err(), "of the second it has seen nothing");
        assert!(commit(&ticket(late)?, row("a", "2"), write("a", "3")).is_err(), "the second began after it");
        Ok(())
    }

    #[test]
    fn the_same_value_written_later_is_a_conflict() -> Result<()> {
        let ledger = Arc::new(Ledger::default());
        let (first, second) = (begin(&ledger)?, begin(&ledger)?);
        let commit = |ticket: &Ticket| ledger.commit((ticket, row("a", "1")), write("a", "1"), |_| Ok(()));
        commit(&first)?;
        assert!(commit(&second).is_err_and(|e| e.is_retryable()));
        Ok(())
    }
}
