//! Every version of a range that is retained, as a transaction may know of it.

use super::LanceTransaction;
use crate::changes::LanceFeed;
use crate::core::View;
use crate::read::{Merge, Span, Versions};
use kv_api::{ChangeFeed, Direction, Error, KeyRange, Result, Version};
use std::sync::Arc;

/// The history that a transaction sees: what was committed up to its snapshot. It holds the files that this is in.
#[derive(Clone)]
pub(crate) struct Past {
    view: Arc<View>,
    snapshot: Version,
    /// Of rows that had been superseded by then nobody knows whether they are all there; nor of older deletions.
    floor: Version,
    deletions_floor: Version,
}

/// A row of the past.
pub(crate) struct PastRow<'a> {
    pub(crate) key: &'a [u8],
    /// `None` for a deletion.
    pub(crate) val: Option<&'a [u8]>,
    pub(crate) version: Version,
    /// The version that the key's next row has; `None` where it is the last.
    pub(crate) superseded: Option<Version>,
}

/// Rows of the past as they are read: keys ascending, and of each key the newest first.
pub(crate) struct PastRows {
    past: Past,
    merge: Merge<'static>,
    versions: Versions,
    /// Something may have been erased.
    asks: bool,
    key: Vec<u8>,
    /// The version of the key's row before.
    newer: Option<Version>,
    /// The rest of the key has been erased.
    erased: bool,
}

impl LanceTransaction {
    /// The past up to the transaction's snapshot.
    ///
    /// # Errors
    /// `UnsupportedVersionedQueries`, `TransactionFinished`.
    pub(crate) fn past(&self) -> Result<Past> {
        let (snapshot, view) = self.reading(Some(Version::MAX))?;
        let (floor, deletions_floor) = (view.history_floor, self.core.feeds.oldest(&view));
        Ok(Past { view, snapshot, floor, deletions_floor })
    }

    /// Notes for the commit that the newest rows of a range have been read.
    pub(crate) fn note_past(&self, range: KeyRange) {
        self.note_scan(range, Direction::Forward, None, None);
    }

    /// The commits after a version and up to another, at most that of the snapshot.
    ///
    /// # Errors
    /// As those of a [feed](kv_api::Datastore::changes), and `TransactionFinished`.
    pub(crate) fn changes(&self, since: Version, until: Version, range: KeyRange) -> Result<Box<dyn ChangeFeed>> {
        self.check_open()?;
        let until = until.min(self.snapshot.version);
        let Some(committer) = &self.committer else { return Err(Error::Unsupported { operation: "changes" }) };
        Ok(Box::new(LanceFeed::begin(&self.core, committer, (since, until), range)?))
    }
}

impl Past {
    /// The rows of a range with some versions; of those the values, and by what they were superseded, where that is asked for.
    pub(crate) fn rows(&self, range: KeyRange, versions: Versions, vals: bool, superseded: bool) -> PastRows {
        let span = Span { range, vals, ..Span::all_rows() };
        // What is newer than all that is asked for says by what that was superseded, and whether it is retained.
        let is_newer_needed = superseded || versions.to < self.floor;
        let to = if is_newer_needed { Version::MAX } else { versions.to };
        PastRows {
            merge: Merge::of_view(&self.view, span, Versions { to, ..versions }),
            past: self.clone(),
            versions,
            asks: self.view.may_have_erased(0),
            key: Vec::new(),
            newer: None,
            erased: false,
        }
    }
}

impl PastRows {
    /// Shows `take` the next rows, as many as lie together; whether there may be more.
    pub(crate) async fn next(&mut self, take: &mut (dyn FnMut(PastRow<'_>) + Send)) -> Result<bool> {
        let Self { past, merge, versions, asks, key, newer, erased } = self;
        if !merge.advance().await? {
            return Ok(false);
        }
        for row in merge.rows().iter().flat_map(|rows| rows.iter()) {
            let version = row.version();
            if version > past.snapshot {
                continue;
            }
            if newer.is_none() || key.as_slice() != row.key() {
                (*newer, *erased) = (None, false);
                key.clear();
                key.extend_from_slice(row.key());
            }
            let next = newer.replace(version);
            // While a compaction is under way a row may be in two runs.
            if *erased || next == Some(version) {
                continue;
            }
            if *asks {
                *erased = past.view.has_erased(row.key(), version, past.snapshot).await?;
            }
            let known = row.superseded().filter(|superseded| (version + 1..=past.snapshot).contains(superseded));
            let superseded = next.into_iter().chain(known).min();
            let is_retained = match row.is_tombstone() {
                true => version > past.deletions_floor,
                false => superseded.is_none_or(|superseded| superseded > past.floor),
            };
            if is_retained && !*erased && (versions.from..=versions.to).contains(&version) {
                let val = (!row.is_tombstone()).then(|| row.val());
                take(PastRow { key: row.key(), val, version, superseded });
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use crate::memtable::MemTable;
    use crate::write::Write;

    const ALL: Versions = Versions { from: 0, to: Version::MAX };

    /// The past of rows in memory; no value is a deletion.
    fn past(rows: &[(&str, Version, Option<&str>)], (floor, snapshot): (Version, Version)) -> Past {
        let memtable = MemTable::new();
        for (key, version, val) in rows {
            let write = val.map_or_else(Write::delete, |val| Write::set(val.to_owned().into()));
            memtable.insert(key.to_string().into(), *version, write);
        }
        let view = View { history_floor: floor, ..View::of(memtable) };
        Past { view: Arc::new(view), snapshot, floor, deletions_floor: floor }
    }

    /// Key, version and by what it is superseded, and `-` for a deletion.
    async fn read(past: &Past, versions: Versions, superseded: bool) -> Vec<String> {
        let mut read = Vec::new();
        let mut rows = past.rows(KeyRange::all(), versions, true, superseded);
        let mut take = |row: PastRow<'_>| {
            let deleted = if row.val.is_none() { "-" } else { "" };
            let superseded = row.superseded.map_or_else(String::new, |by| format!("<{by}"));
            read.push(format!("{deleted}{}{}{superseded}", String::from_utf8_lossy(row.key), row.version));
        };
        while rows.next(&mut take).await.unwrap() {}
        read
    }

    const ROWS: [(&str, Version, Option<&str>); 7] = [
        ("a", 2, Some("x")),
        ("a", 5, Some("y")),
        ("a", 8, Some("z")),
        ("b", 3, Some("x")),
        ("b", 4, None),
        ("c", 1, Some("x")),
        ("d", 9, None),
    ];

    #[tokio::test]
    async fn each_version_is_there_up_to_the_snapshot() {
        let all = read(&past(&ROWS, (0, 9)), ALL, true).await;
        assert_eq!(all, ["a8", "a5<8", "a2<5", "-b4", "b3<4", "c1", "-d9"]);
        let earlier = read(&past(&ROWS, (0, 5)), ALL, true).await;
        assert_eq!(earlier, ["a5", "a2<5", "-b4", "b3<4", "c1"]);
        let some = read(&past(&ROWS, (0, 9)), Versions { from: 3, to: 5 }, true).await;
        assert_eq!(some, ["a5<8", "-b4", "b3<4"]);
    }

    /// Some of it is gone from the files by then and some is not, as compactions come by.
    #[tokio::test]
    async fn what_may_be_there_in_part_is_not_shown() {
        assert_eq!(read(&past(&ROWS, (4, 9)), ALL, true).await, ["a8", "a5<8", "a2<5", "c1", "-d9"]);
        assert_eq!(read(&past(&ROWS, (5, 9)), ALL, true).await, ["a8", "a5<8", "c1", "-d9"]);
        assert_eq!(read(&past(&ROWS, (9, 9)), ALL, true).await, ["a8", "c1"]);
        let below = read(&past(&ROWS, (8, 9)), Versions { from: 0, to: 5 }, false).await;
        assert_eq!(below, ["c1"], "what is newer says that the rest had been superseded");
    }

    /// Memory is read some rows at a time, which end somewhere within those of a key.
    #[tokio::test]
    async fn a_key_with_many_versions_has_all_of_them() {
        let keys = ["a", "b", "c", "d"];
        let rows: Vec<_> = (1..=2000).map(|version| (keys[version as usize % 4], version, Some("x"))).collect();
        let read = read(&past(&rows, (0, 2000)), ALL, false).await;
        let expected: Vec<_> = keys
            .iter()
            .flat_map(|key| {
                rows.iter().rev().filter(move |row| row.0 == *key).map(move |row| format!("{key}{}", row.1))
            })
            .collect();
        let without = |row: &String| row.split('<').next().unwrap().to_owned();
        assert_eq!(read.iter().map(without).collect::<Vec<_>>(), expected);
    }
}
