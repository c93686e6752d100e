//! A transaction of SurrealDB as one of kv-api.

use crate::error::{back, back_from_write};
use async_trait::async_trait;
use kv_api::{
    Direction, Error, Key, KeyRange, LimitCounter, MAX_KEY_BYTES, Result, ScanLimit, Transactable, Val, Version,
};
use parking_lot::Mutex;
use std::ops::ControlFlow::{self, Break, Continue};
use surrealdb_kvs::Direction as Towards;

type At = Option<Version>;
type Rows = Vec<(Key, Val)>;

/// What a cursor is asked for at once: small, so that cases see it go on.
const CHUNK: u32 = 7;

/// As much at once where a case is about long ranges.
const LONG_CHUNK: u32 = 1000;

/// What a backend does not say of itself.
const UNSAFE: Error = Error::Unsupported { operation: "safe_timestamp" };

/// What the adapter does for a backend that would fail most cases for one and the same reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Help {
    /// Put before each key, where the empty key is refused.
    pub(crate) prefix: &'static [u8],
    /// Whether ranges that hold no key are not asked for.
    pub(crate) passes_over_empty_ranges: bool,
    /// Whether safe time stamps are asked for.
    pub(crate) safe_timestamps: bool,
}

impl Help {
    /// None.
    pub(crate) const NONE: Self = Self { prefix: b"", passes_over_empty_ranges: false, safe_timestamps: true };
}

pub(crate) struct Transaction {
    inner: Box<dyn surrealdb_kvs::Transactable>,
    help: Help,
    /// Open save points: SurrealDB takes a release without one for nothing.
    depth: Mutex<usize>,
}

impl Transaction {
    pub(crate) fn new(inner: Box<dyn surrealdb_kvs::Transactable>, help: Help) -> Self {
        Self { inner, help, depth: Mutex::new(0) }
    }

    fn stored(&self, key: &[u8]) -> surrealdb_kvs::Key<'static> {
        [self.help.prefix, key].concat().into()
    }

    fn shown<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        key.strip_prefix(self.help.prefix).unwrap_or(key)
    }

    /// SurrealDB's ranges have an end. This one is after every key.
    fn bounded(&self, range: &KeyRange) -> surrealdb_kvs::KeyRange<'static> {
        let end = range.end.as_ref().map_or_else(|| vec![0xff; MAX_KEY_BYTES + 1], |end| end.to_vec());
        surrealdb_kvs::KeyRange { start: self.stored(&range.start), end: self.stored(&end) }
    }

    /// Whether a range is not to be asked for, being empty; whatever comes before that has been
    /// checked.
    async fn passes_over(&self, range: &KeyRange, at: At) -> Result<bool> {
        let passed = self.help.passes_over_empty_ranges && range.is_empty();
        if passed {
            self.exists(b"", at).await?;
        }
        Ok(passed)
    }

    fn rows(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Rows {
        rows.into_iter().map(|(key, val)| (Key::copy_from_slice(self.shown(&key)), val.into())).collect()
    }

    fn check_writeable(&self) -> Result<()> {
        if self.closed() {
            Err(Error::TransactionFinished)
        } else if !self.writeable() {
            Err(Error::TransactionReadonly)
        } else {
            Ok(())
        }
    }

    /// Counts by `keys` and `keysr`, bytes by a cursor that is visited, both by one that hands out
    /// batches.
    async fn some_keys(&self, r: KeyRange, limit: ScanLimit, skip: u32, at: At, d: Direction) -> Result<Vec<Key>> {
        if self.passes_over(&r, at).await? {
            return Ok(Vec::new());
        }
        let range = self.bounded(&r);
        if let ScanLimit::Count(count) = limit {
            let found = match d {
                Direction::Forward => self.inner.keys(range, count, skip, at).await,
                Direction::Backward => self.inner.keysr(range, count, skip, at).await,
            };
            let keys = found.map_err(|e| back("scanning", e))?.keys;
            return Ok(keys.iter().map(|key| Key::copy_from_slice(self.shown(key))).collect());
        }
        let mut left = LimitCounter::new(limit);
        let mut keys = Vec::new();
        self.exists(b"", at).await?;
        let mut cursor =
            self.inner.open_keys_cursor(range, towards(d), skip, at).await.map_err(|e| back("scanning", e))?;
        while left.admits() {
            let before = keys.len();
            let mut take = |key: &[u8]| {
                let key = self.shown(key);
                keys.push(Key::copy_from_slice(key));
                left.charge(key.len());
                Ok(if left.admits() { Continue(()) } else { Break(()) })
            };
            match limit {
                ScanLimit::Bytes(_) => {
                    cursor.for_each(CHUNK, &mut take).await.map_err(|e| back("scanning", e))?;
                }
                _ => {
                    let batch = cursor.next_batch(CHUNK).await.map_err(|e| back("scanning", e))?;
                    for key in &batch {
                        if take(key).is_ok_and(|flow| flow == Break(())) {
                            break;
                        }
                    }
                }
            }
            if keys.len() == before {
                break;
            }
        }
        Ok(keys)
    }

    /// As [`some_keys`](Self::some_keys), with the values.
    async fn some_rows(&self, r: KeyRange, limit: ScanLimit, skip: u32, at: At, d: Direction) -> Result<Rows> {
        if self.passes_over(&r, at).await? {
            return Ok(Vec::new());
        }
        let range = self.bounded(&r);
        if let ScanLimit::Count(count) = limit {
            let found = match d {
                Direction::Forward => self.inner.scan(range, count, skip, at).await,
                Direction::Backward => self.inner.scanr(range, count, skip, at).await,
            };
            return Ok(self.rows(found.map_err(|e| back("scanning", e))?.values));
        }
        let mut left = LimitCounter::new(limit);
        let mut rows = Rows::new();
        self.exists(b"", at).await?;
        let mut cursor =
            self.inner.open_vals_cursor(range, towards(d), skip, at).await.map_err(|e| back("scanning", e))?;
        while left.admits() {
            let before = rows.len();
            let mut take = |key: &[u8], val: &[u8]| {
                let key = self.shown(key);
                rows.push((Key::copy_from_slice(key), Val::copy_from_slice(val)));
                left.charge(key.len() + val.len());
                Ok(if left.admits() { Continue(()) } else { Break(()) })
            };
            match limit {
                ScanLimit::Bytes(_) => {
                    cursor.for_each(CHUNK, &mut take).await.map_err(|e| back("scanning", e))?;
                }
                _ => {
                    let batch = cursor.next_batch(CHUNK).await.map_err(|e| back("scanning", e))?;
                    for (key, val) in &batch {
                        if take(key, val).is_ok_and(|flow| flow == Break(())) {
                            break;
                        }
                    }
                }
            }
            if rows.len() == before {
                break;
            }
        }
        Ok(rows)
    }
}

fn towards(direction: Direction) -> Towards {
    match direction {
        Direction::Forward => Towards::Forward,
        Direction::Backward => Towards::Backward,
    }
}

#[async_trait]
impl Transactable for Transaction {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn closed(&self) -> bool {
        self.inner.closed()
    }

    fn writeable(&self) -> bool {
        self.inner.writeable()
    }

    async fn cancel(&self) -> Result<()> {
        self.inner.cancel().await.map_err(|e| back("cancelling", e))
    }

    async fn commit(&self) -> Result<()> {
        self.inner.commit().await.map_err(|e| back("committing", e))
    }

    async fn exists(&self, key: &[u8], at: At) -> Result<bool> {
        self.inner.exists(self.stored(key), at).await.map_err(|e| back("reading", e))
    }

    async fn get(&self, key: &[u8], at: At) -> Result<Option<Val>> {
        Ok(self.inner.get(self.stored(key), at).await.map_err(|e| back("reading", e))?.map(Val::from))
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        Ok(self.inner.getu(self.stored(key)).await.map_err(|e| back("reading", e))?.map(Val::from))
    }

    async fn getm(&self, keys: Vec<Key>, at: At) -> Result<Vec<Option<Val>>> {
        let keys: Vec<_> = keys.iter().map(|key| self.stored(key)).collect();
        let found = self.inner.getm(&keys, at).await.map_err(|e| back("reading", e))?;
        Ok(found.values.into_iter().map(|val| val.map(Val::from)).collect())
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        let done = self.inner.set(self.stored(&key), val.to_vec()).await;
        done.map_err(|e| back_from_write(&key, &val, e))
    }

    async fn replace(&self, key: Key, val: Val) -> Result<()> {
        let done = self.inner.replace(self.stored(&key), val.to_vec()).await;
        done.map_err(|e| back_from_write(&key, &val, e))
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        let done = self.inner.put(self.stored(&key), val.to_vec()).await;
        done.map_err(|e| back_from_write(&key, &val, e))
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        let done = self.inner.putc(self.stored(&key), val.to_vec(), chk.map(|chk| chk.to_vec())).await;
        done.map_err(|e| back_from_write(&key, &val, e))
    }

    async fn del(&self, key: Key) -> Result<()> {
        self.inner.del(self.stored(&key)).await.map_err(|e| back_from_write(&key, &[], e))
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.inner.delc(self.stored(&key), chk.as_deref()).await.map_err(|e| back_from_write(&key, &[], e))
    }

    async fn clr(&self, key: Key) -> Result<()> {
        self.inner.clr(self.stored(&key)).await.map_err(|e| back_from_write(&key, &[], e))
    }

    async fn clrc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.inner.clrc(self.stored(&key), chk.as_deref()).await.map_err(|e| back_from_write(&key, &[], e))
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, at: At) -> Result<Vec<Key>> {
        self.some_keys(range, limit, skip, at, Direction::Forward).await
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, at: At) -> Result<Vec<Key>> {
        self.some_keys(range, limit, skip, at, Direction::Backward).await
    }

    async fn scan(&self, range: KeyRange, limit: ScanLimit, skip: u32, at: At) -> Result<Rows> {
        self.some_rows(range, limit, skip, at, Direction::Forward).await
    }

    async fn scanr(&self, range: KeyRange, limit: ScanLimit, skip: u32, at: At) -> Result<Rows> {
        self.some_rows(range, limit, skip, at, Direction::Backward).await
    }

    async fn visit(
        &self,
        range: KeyRange,
        direction: Direction,
        at: At,
        vals: bool,
        visitor: &mut (dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        let failed = |e| back("visiting", e);
        self.exists(b"", at).await?;
        if self.passes_over(&range, at).await? {
            return Ok(());
        }
        let (range, direction) = (self.bounded(&range), towards(direction));
        let mut flow = Continue(());
        if vals {
            let mut cursor = self.inner.open_vals_cursor(range, direction, 0, at).await.map_err(failed)?;
            let mut full = true;
            while full && flow.is_continue() {
                let mut show = |key: &[u8], val: &[u8]| {
                    flow = visitor(self.shown(key), val);
                    Ok(flow)
                };
                full = cursor.for_each(LONG_CHUNK, &mut show).await.map_err(failed)?.rows == u64::from(LONG_CHUNK);
            }
        } else {
            let mut cursor = self.inner.open_keys_cursor(range, direction, 0, at).await.map_err(failed)?;
            let mut full = true;
            while full && flow.is_continue() {
                let mut show = |key: &[u8]| {
                    flow = visitor(self.shown(key), &[]);
                    Ok(flow)
                };
                full = cursor.for_each(LONG_CHUNK, &mut show).await.map_err(failed)?.rows == u64::from(LONG_CHUNK);
            }
        }
        Ok(())
    }

    async fn getr(&self, range: KeyRange, at: At) -> Result<Rows> {
        if self.passes_over(&range, at).await? {
            return Ok(Vec::new());
        }
        Ok(self.rows(self.inner.getr(self.bounded(&range), at).await.map_err(|e| back("scanning", e))?.values))
    }

    async fn delr(&self, range: KeyRange) -> Result<()> {
        self.check_writeable()?;
        if self.passes_over(&range, None).await? {
            return Ok(());
        }
        self.inner.delr(self.bounded(&range)).await.map_err(|e| back("deleting", e))
    }

    async fn clrr(&self, range: KeyRange) -> Result<()> {
        self.check_writeable()?;
        if self.passes_over(&range, None).await? {
            return Ok(());
        }
        self.inner.clrr(self.bounded(&range)).await.map_err(|e| back("deleting", e))
    }

    async fn count(&self, range: KeyRange, at: At) -> Result<u64> {
        if self.passes_over(&range, at).await? {
            return Ok(0);
        }
        Ok(self.inner.count(self.bounded(&range), at).await.map_err(|e| back("counting", e))? as u64)
    }

    async fn new_save_point(&self) -> Result<()> {
        self.check_writeable()?;
        self.inner.new_save_point().await.map_err(|e| back("opening a save point", e))?;
        *self.depth.lock() += 1;
        Ok(())
    }

    async fn release_last_save_point(&self) -> Result<()> {
        self.check_writeable()?;
        let open = *self.depth.lock() > 0;
        self.inner.release_last_save_point().await.map_err(|e| back("releasing a save point", e))?;
        if !open {
            return Err(Error::NoSavePointPresent);
        }
        *self.depth.lock() -= 1;
        Ok(())
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        self.check_writeable()?;
        self.inner.rollback_to_save_point().await.map_err(|e| back("rolling back", e))?;
        *self.depth.lock() -= 1;
        Ok(())
    }

    async fn timestamp(&self) -> Result<Version> {
        let stamp = self.inner.timestamp().await.map_err(|e| back("asking for the time", e))?;
        u64::try_from(stamp.as_versionstamp()).map_err(|e| Error::backend("reading a time stamp", e))
    }

    async fn safe_timestamp(&self) -> Result<Version> {
        if !self.help.safe_timestamps {
            return if self.closed() { Err(Error::TransactionFinished) } else { Err(UNSAFE) };
        }
        let stamp = self.inner.safe_timestamp().await.map_err(|e| back("asking for a safe time", e))?;
        u64::try_from(stamp.as_versionstamp()).map_err(|e| Error::backend("reading a time stamp", e))
    }

    async fn compact(&self, range: Option<KeyRange>) -> Result<()> {
        match self.inner.compact(range.as_ref().map(|range| self.bounded(range))).await {
            // A hint, in kv-api.
            Err(surrealdb_kvs::Error::CompactionNotSupported) => Ok(()),
            done => done.map_err(|e| back("compacting", e)),
        }
    }
}
