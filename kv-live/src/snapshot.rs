//! What a range holds at one version, read a page at a time.

use crate::update::Row;
use kv_api::{Datastore, Error, KeyRange, LimitCounter, Result, ScanLimit, Transactable, TransactionOptions, Version};

/// Rows and bytes of a page.
const PAGE: ScanLimit = ScanLimit::BytesOrCount(256 << 10, 1000);

/// How often a transaction is begun whose version would be known without reading the past.
const ATTEMPTS: usize = 4;

/// A snapshot that is being read.
pub(crate) struct Snapshot {
    tx: Box<dyn Transactable>,
    /// Where its reads ask for one.
    at: Option<Version>,
    /// What it is of.
    pub(crate) version: Version,
    /// What is left to be read.
    rest: Option<KeyRange>,
    keys_only: bool,
    /// Nothing of it has been handed out.
    fresh: bool,
}

impl Snapshot {
    /// Of the newest version.
    pub(crate) async fn begin(store: &dyn Datastore, range: KeyRange, keys_only: bool) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let version = store.current_version().await?;
            let tx = store.begin(TransactionOptions::read()).await?;
            // Where nothing was committed meanwhile it is what the transaction sees, which nothing can prune.
            let is_seen = store.current_version().await? == version;
            if is_seen || attempt == ATTEMPTS {
                let at = (!is_seen).then_some(version);
                return Ok(Self { tx, at, version, rest: Some(range), keys_only, fresh: true });
            }
            attempt += 1;
        }
    }

    /// Whether another can take its place.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The next rows; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::VersionNotRetained`] where commits and a compaction were faster, and others of the store.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let Some(range) = self.rest.clone() else { return Ok(None) };
        let rows: Vec<Row> = match self.keys_only {
            true => {
                let keys = self.tx.keys(range.clone(), PAGE, 0, self.at).await?;
                keys.into_iter().map(|key| Row { key, val: None }).collect()
            }
            false => {
                let rows = self.tx.scan(range.clone(), PAGE, 0, self.at).await?;
                rows.into_iter().map(|(key, val)| Row { key, val: Some(val) }).collect()
            }
        };
        self.rest = rest(range, &rows);
        self.fresh = self.fresh && rows.is_empty();
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// What is left behind a page: nothing, where there was room for more.
fn rest(range: KeyRange, rows: &[Row]) -> Option<KeyRange> {
    let mut counter = LimitCounter::new(PAGE);
    rows.iter().for_each(|row| counter.charge(row.key.len() + row.val.as_ref().map_or(0, |val| val.len())));
    let last = rows.last().filter(|_| !counter.admits())?;
    let rest = KeyRange { start: KeyRange::key_after(&last.key), end: range.end };
    (!rest.is_empty()).then_some(rest)
}

/// Whether a snapshot can be begun anew after an error.
pub(crate) fn was_overtaken(error: &Error) -> bool {
    matches!(error, Error::VersionNotRetained { .. })
}
