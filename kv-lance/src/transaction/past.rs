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
