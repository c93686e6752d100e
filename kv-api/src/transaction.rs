//! The transaction: 19 required methods and those that follow from them.

use crate::giving_way::give_way;
use crate::provided::{self, PAGE, check_writeable};
use crate::{
    ArrowBatch, Batch, Direction, Error, HybridClock, Key, KeyRange, MvccSource as _, Result, ScanLimit, Val, Version,
};
use async_trait::async_trait;
use std::ops::ControlFlow;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1 << 20;

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 << 20;

/// How many keys the answers of [`approximate_count`](Transactable::approximate_count) and
/// [`split`](Transactable::split) may be off by at either end of a range.
pub const ESTIMATE_SLACK: u64 = 1000;

/// Refuses a key over [`MAX_KEY_BYTES`].
///
/// # Errors
/// [`Error::KeyTooLarge`]
pub fn check_key(key: &[u8]) -> Result<()> {
    match key.len() {
        size if size > MAX_KEY_BYTES => Err(Error::KeyTooLarge { size, limit: MAX_KEY_BYTES }),
        _ => Ok(()),
    }
}

/// Refuses a value over [`MAX_VALUE_BYTES`].
///
/// # Errors
/// [`Error::ValueTooLarge`]
pub fn check_value(val: &[u8]) -> Result<()> {
    match val.len() {
        size if size > MAX_VALUE_BYTES => Err(Error::ValueTooLarge { size, limit: MAX_VALUE_BYTES }),
        _ => Ok(()),
    }
}

/// One transaction: a snapshot of the store taken when it began, and the writes made on top of it.
///
/// # What a read sees
/// Without a version: the transaction's own pending writes, else the snapshot. At `Some(v)`: exactly the commits with a
/// version up to `v`, never later than the snapshot, and none of the pending writes.
///
/// # Errors of every method
/// Checked in this order. Reads: a version asked of a store without versions gives
/// [`UnsupportedVersionedQueries`](Error::UnsupportedVersionedQueries); a finished transaction gives
/// [`TransactionFinished`](Error::TransactionFinished); a version whose history is gone gives
/// [`VersionNotRetained`](Error::VersionNotRetained). Writes and save points:
/// `TransactionFinished`, then [`TransactionReadonly`](Error::TransactionReadonly), then the operation's own:
/// [`KeyTooLarge`](Error::KeyTooLarge), [`ValueTooLarge`](Error::ValueTooLarge), and what each method names.
/// An error of a read or of a write leaves the transaction usable.
///
/// # Concurrency
/// All methods take `&self`. Reads of one transaction may run at once; a write that runs beside another operation of the
/// same transaction is before or after it. A dropped transaction discards its writes.
///
/// A write that ends after the commit has taken the pending writes answers
/// [`TransactionFinished`](Error::TransactionFinished), never `Ok`: what was acknowledged is what the commit writes.
///
/// Any future may be dropped at any await: a write has then happened or not, and so has a commit,
/// as a whole. A range write (`delr`, `delp`, `clrr`, `clrp`) and one of many keys (`setm`, `delm`)
/// may then have been made for a part of its keys; a save point undoes that. So may one beside
/// which the transaction ends, and it answers `TransactionFinished`.
///
/// A future that is alive and not polled holds up nobody: other transactions begin, read and commit meanwhile.
///
/// Long reads give way. Whatever a scan, a count or a range write goes through, other tasks of its thread run beside it,
/// and their timers keep their time.
#[async_trait]
pub trait Transactable: Send + Sync {
    /// Returns the backend's name.
    fn kind(&self) -> &'static str;

    /// Returns whether the transaction has been committed (successfully or not) or cancelled.
    fn closed(&self) -> bool;

    /// Returns whether it was begun as a write transaction.
    fn writeable(&self) -> bool;

    /// Discards the pending writes and finishes. Allowed on a read transaction.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.cancel().await?;
    /// assert!(tx.closed());
    ///
    /// let tx = store.begin(TransactionOptions::read()).await?;
    /// assert!(!tx.writeable() && !tx.exists(b"a", None).await?);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn cancel(&self) -> Result<()>;

    /// Makes the pending writes visible and, as far as the store's durability says, durable: all of them or none. Every
    /// attempt finishes the transaction, a failed one too, and one on a read-only transaction.
    ///
    /// # Errors
    /// [`TransactionConflict`](Error::TransactionConflict): run again. A transaction that is begun after this was reported
    /// sees the commit that caused it, so that a retry is never doomed by what is still being made durable. A store may
    /// wait for that before it answers, and then holds nothing that others need.
    /// [`CommitOutcomeUnknown`](Error::CommitOutcomeUnknown): look before running again.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, Error};
    /// # let store = kv_conformance::Reference::new();
    /// let (first, second) =
    ///     (store.begin(TransactionOptions::write()).await?, store.begin(TransactionOptions::write()).await?);
    /// first.set("a".into(), "1".into()).await?;
    /// second.set("a".into(), "2".into()).await?;
    /// first.commit().await?;
    /// assert!(matches!(second.commit().await, Err(error) if error.is_retryable()));
    /// // The one that failed has finished too.
    /// assert!(matches!(second.get(b"a", None).await, Err(Error::TransactionFinished)));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn commit(&self) -> Result<()>;

    /// Returns whether `key` has a value.
    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool>;

    /// Returns the value of `key`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// assert_eq!(tx.get(b"a", None).await?.as_deref(), Some(&b"1"[..]), "its own write");
    /// tx.commit().await?;
    /// let then = store.current_version().await?;
    ///
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "2".into()).await?;
    /// assert_eq!(tx.get(b"a", Some(then)).await?.as_deref(), Some(&b"1"[..]), "as it was committed");
    /// assert_eq!(tx.get(b"b", None).await?, None);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>>;

    /// Gives `key` a value, whatever it had.
    async fn set(&self, key: Key, val: Val) -> Result<()>;

    /// Gives `key` its first value.
    ///
    /// # Errors
    /// [`TransactionKeyAlreadyExists`](Error::TransactionKeyAlreadyExists) where it has one.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, Error};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.put("a".into(), "1".into()).await?;
    /// assert!(matches!(tx.put("a".into(), "2".into()).await, Err(Error::TransactionKeyAlreadyExists)));
    /// tx.set("a".into(), "3".into()).await?;
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn put(&self, key: Key, val: Val) -> Result<()>;

    /// Gives `key` a value where its current one equals `chk`; `None` stands for no value.
    ///
    /// # Errors
    /// [`TransactionConditionNotMet`](Error::TransactionConditionNotMet)
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, Error};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.putc("a".into(), "1".into(), None).await?;
    /// tx.putc("a".into(), "2".into(), Some("1".into())).await?;
    /// let refused = tx.putc("a".into(), "3".into(), Some("1".into())).await;
    /// assert!(matches!(refused, Err(Error::TransactionConditionNotMet)));
    /// // The transaction goes on, with what it had.
    /// assert_eq!(tx.get(b"a", None).await?.as_deref(), Some(&b"2"[..]));
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()>;

    /// Removes the value of `key`. A key without one is no error, and is part of the write set all the same.
    async fn del(&self, key: Key) -> Result<()>;

    /// Removes the value of `key` where it equals `chk`; `None` stands for no value, and then the key
    /// becomes part of the write set.
    ///
    /// # Errors
    /// [`TransactionConditionNotMet`](Error::TransactionConditionNotMet)
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, Error};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// assert!(matches!(tx.delc("a".into(), Some("2".into())).await, Err(Error::TransactionConditionNotMet)));
    /// tx.delc("a".into(), Some("1".into())).await?;
    /// tx.del("a".into()).await?; // there is nothing, and that is no error
    /// assert!(!tx.exists(b"a", None).await?);
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()>;

    /// Returns the keys of `range`, ascending. `skip` entries of the merged view are left out first, free of charge; then
    /// `limit` applies.
    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>>;

    /// As [`keys`](Self::keys), descending: `skip` and `limit` count from the range's end.
    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>>;

    /// As [`keys`](Self::keys), with the values.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, KeyRange, ScanLimit};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// for (key, val) in [("user/1", "Ada"), ("user/2", "Bob"), ("user/3", "Cem"), ("visit", "1")] {
    ///     tx.set(key.into(), val.into()).await?;
    /// }
    /// let users = || KeyRange::prefix("user/");
    /// let second = tx.scan(users(), ScanLimit::Count(1), 1, None).await?;
    /// assert_eq!(second, [("user/2".into(), "Bob".into())]);
    /// let last = tx.keysr(users(), ScanLimit::Count(2), 0, None).await?;
    /// assert_eq!(last, ["user/3", "user/2"]);
    /// let between = tx.keys(KeyRange::from("user/2".."visit"), ScanLimit::Bytes(1000), 0, None).await?;
    /// assert_eq!(between, ["user/2", "user/3"]);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>>;

    /// As [`keysr`](Self::keysr), with the values.
    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>>;

    /// Opens a save point inside those that are open.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.new_save_point().await?;
    /// tx.set("a".into(), "2".into()).await?;
    /// tx.new_save_point().await?;
    /// tx.del("a".into()).await?;
    /// tx.release_last_save_point().await?; // the deletion belongs to the outer save point now
    /// tx.rollback_to_save_point().await?;
    /// assert_eq!(tx.get(b"a", None).await?.as_deref(), Some(&b"1"[..]));
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn new_save_point(&self) -> Result<()>;

    /// Folds the last save point into the one around it: its writes stay, and a rollback of the outer one undoes
    /// them.
    ///
    /// # Errors
    /// [`NoSavePointPresent`](Error::NoSavePointPresent)
    async fn release_last_save_point(&self) -> Result<()>;

    /// Restores the pending writes as they were when the last save point was opened, and closes it.
    ///
    /// # Errors
    /// [`NoSavePointPresent`](Error::NoSavePointPresent)
    async fn rollback_to_save_point(&self) -> Result<()>;

    // Provided.

    /// Returns the version that [`commit`](Self::commit) gave this transaction; `None` before that, where nothing was written, and in a
    /// store without versions.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// assert_eq!(tx.commit_version(), None);
    /// tx.commit().await?;
    /// assert_eq!(tx.commit_version(), Some(store.current_version().await?));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    fn commit_version(&self) -> Option<Version> {
        None
    }

    /// Gives `key` a value and needs none of its history: as [`set`](Self::set).
    async fn replace(&self, key: Key, val: Val) -> Result<()> {
        self.set(key, val).await
    }

    /// As [`del`](Self::del); where the backend declares
    /// [`erases_history`](crate::Capabilities::erases_history), what `key` was before is erased as
    /// well, whether it has a value now or not:
    ///
    /// - A transaction begun after the commit finds nothing of the key at any version before it, by
    ///   whatever read, and still does once the store has flushed, compacted or been opened again.
    ///   At the commit's version and later ones it finds what the key was then.
    /// - A transaction that was open before goes on reading the history that it has.
    /// - The store removes erased values from its files as soon as a compaction comes by and nobody
    ///   reads them any more.
    /// - A clear stays one for its transaction: a later write of the key gives it a value, and what
    ///   was before the commit is erased all the same. A rollback to a save point that was opened
    ///   before it takes it back, and a commit that fails erases nothing.
    /// - A change feed leaves erased values out from the commit on (see
    ///   [`ChangeFeed::next`](crate::ChangeFeed::next)).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// # let erasing = Datastore::capabilities(&store).erases_history(true);
    /// # let store = store.capabilities(erasing);
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("address".into(), "Main Street".into()).await?;
    /// tx.commit().await?;
    /// let then = store.current_version().await?;
    ///
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.clr("address".into()).await?;
    /// tx.commit().await?;
    ///
    /// // It is not in the past either.
    /// let tx = store.begin(TransactionOptions::read()).await?;
    /// assert_eq!(tx.get(b"address", Some(then)).await?, None);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn clr(&self, key: Key) -> Result<()> {
        self.del(key).await
    }

    /// As [`delc`](Self::delc), and erases as [`clr`](Self::clr) does where the condition is met.
    async fn clrc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.delc(key, chk).await
    }

    /// Returns the values of several keys, in the order asked for.
    async fn getm(&self, keys: Vec<Key>, version: Option<Version>) -> Result<Vec<Option<Val>>> {
        if keys.is_empty() {
            // So that the order of the checks holds without a key as well.
            self.exists(b"", version).await?;
        }
        let mut vals = Vec::with_capacity(keys.len());
        for key in keys {
            vals.push(self.get(&key, version).await?);
        }
        Ok(vals)
    }

    /// Gives several keys their values, in the order of `entries`: of a key that is there twice the
    /// last counts. As [`set`](Self::set) for each, but all checks come before the first write: an
    /// error leaves nothing of the call written. The default checks the limits of this crate; a
    /// store that has lower ones overrides it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.setm(vec![("a".into(), "1".into()), ("b".into(), "2".into()), ("c".into(), "3".into())]).await?;
    /// tx.delm(vec!["a".into(), "c".into()]).await?;
    /// let vals = tx.getm(vec!["b".into(), "a".into()], None).await?;
    /// assert_eq!(vals, [Some("2".into()), None]);
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn setm(&self, entries: Vec<(Key, Val)>) -> Result<()> {
        provided::check_entries(self, &entries)?;
        for (key, val) in entries {
            self.set(key, val).await?;
        }
        Ok(())
    }

    /// Removes the values of several keys. As [`del`](Self::del) for each, but all checks come
    /// before the first write: an error leaves nothing of the call written. The default is as that
    /// of [`setm`](Self::setm).
    async fn delm(&self, keys: Vec<Key>) -> Result<()> {
        provided::check_keys(self, &keys)?;
        for key in keys {
            self.del(key).await?;
        }
        Ok(())
    }

    /// Shows `visitor` the keys of `range` in the order of `direction`, with their values, until it
    /// breaks: what [`scan`](Self::scan) and [`scanr`](Self::scanr) without a limit answer, and no
    /// row of it is kept. Without `vals` the second slice is empty, and values need not be read.
    ///
    /// The slices live as long as the call of `visitor`, which must not block: tasks of its thread
    /// wait for it. What the visitor does with rows that come before an error is not undone. A
    /// write made beside a visit may show in a part of the range alone.
    ///
    /// In a serializable transaction what was visited counts as read: the range up to the row at
    /// which the visitor broke, that row included, or all of it. A store may count more.
    ///
    /// ```
    /// use kv_api::{Direction, KeyRange, Result, Transactable};
    /// use std::ops::ControlFlow;
    ///
    /// /// How many bytes the values of `range` have, counted up to `limit`.
    /// async fn size_of(tx: &dyn Transactable, range: KeyRange, limit: usize) -> Result<usize> {
    ///     let mut bytes = 0;
    ///     tx.visit(range, Direction::Forward, None, true, &mut |_, val| {
    ///         bytes += val.len();
    ///         if bytes < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    ///     })
    ///     .await?;
    ///     Ok(bytes.min(limit))
    /// }
    /// ```
    async fn visit(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
        visitor: &mut (dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        provided::visit(self, range, direction, version, vals, visitor).await
    }

    /// Returns every key that begins with `prefix`, with its value.
    async fn getp(&self, prefix: Key, version: Option<Version>) -> Result<Vec<(Key, Val)>> {
        self.getr(KeyRange::prefix(prefix), version).await
    }

    /// Returns every key of `range`, with its value.
    async fn getr(&self, range: KeyRange, version: Option<Version>) -> Result<Vec<(Key, Val)>> {
        let mut all = Vec::new();
        let mut rest = Some(range);
        while let Some(range) = rest {
            let page = self.batch_keys_vals(range, PAGE, version).await?;
            all.extend(page.items);
            rest = page.next;
            if rest.is_some() {
                give_way().await;
            }
        }
        Ok(all)
    }

    /// Removes every key that begins with `prefix`.
    async fn delp(&self, prefix: Key) -> Result<()> {
        self.delr(KeyRange::prefix(prefix)).await
    }

    /// Removes every key of `range` that this transaction sees.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, KeyRange};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// for key in ["log/1", "log/2", "log/3", "user/1"] {
    ///     tx.set(key.into(), "".into()).await?;
    /// }
    /// tx.delr(KeyRange::from("log/1".."log/3")).await?;
    /// assert_eq!(tx.getp("log/".into(), None).await?, [("log/3".into(), "".into())]);
    /// tx.delp("log/".into()).await?;
    /// assert_eq!(tx.count(KeyRange::all(), None).await?, 1);
    /// tx.commit().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn delr(&self, range: KeyRange) -> Result<()> {
        check_writeable(self)?;
        let mut rest = Some(range);
        while let Some(range) = rest {
            let page = self.batch_keys(range, PAGE, None).await?;
            for key in page.items {
                self.del(key).await?;
            }
            rest = page.next;
            if rest.is_some() {
                give_way().await;
            }
        }
        Ok(())
    }

    /// As [`delp`](Self::delp), by [`clr`](Self::clr).
    async fn clrp(&self, prefix: Key) -> Result<()> {
        self.clrr(KeyRange::prefix(prefix)).await
    }

    /// As [`delr`](Self::delr), by [`clr`](Self::clr). Where the backend declares
    /// [`erases_history`](crate::Capabilities::erases_history), the keys of `range` that have no
    /// value any more are erased as well: nothing is left of the range at any version. Whether
    /// those are part of the write set is left open. The default goes by what the transaction sees:
    /// a store that declares it overrides this.
    async fn clrr(&self, range: KeyRange) -> Result<()> {
        check_writeable(self)?;
        let mut rest = Some(range);
        while let Some(range) = rest {
            let page = self.batch_keys(range, PAGE, None).await?;
            for key in page.items {
                self.clr(key).await?;
            }
            rest = page.next;
            if rest.is_some() {
                give_way().await;
            }
        }
        Ok(())
    }

    /// Counts the keys of `range`.
    async fn count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        let mut count = 0;
        let mut rest = Some(range);
        while let Some(range) = rest {
            let page = self.batch_keys(range, PAGE, version).await?;
            count += page.items.len() as u64;
            rest = page.next;
            if rest.is_some() {
                give_way().await;
            }
        }
        Ok(count)
    }

    /// Returns about how many keys `range` holds, for choosing between ways to read it. Default =
    /// [`count`](Self::count), which is exact and reads every key.
    ///
    /// An override may answer from what the store knows without reading rows. It need not look at
    /// pending writes, at the version or at what was deleted or overwritten, but it is bounded: at
    /// most twice the writes of keys of `range` that the store still holds, deletions and pending
    /// writes among them, and at least half the keys whose value has been written once and flushed,
    /// either give or take [`ESTIMATE_SLACK`] at each end of the range. A range whose end is not
    /// after its start has 0. Whether the range counts as read in a serializable transaction is
    /// left open.
    async fn approximate_count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        self.count(range, version).await
    }

    /// Returns parts of `range`, ascending, that can be read side by side: each begins where the one before
    /// ends, together they are `range`, none is empty, and there are up to `n` of them. An empty
    /// range has none. A store may give fewer, and one is always right.
    ///
    /// The parts are about equal: none holds more than twice the `n`th part of the writes of keys
    /// of `range` that the store still holds, give or take [`ESTIMATE_SLACK`] at either end, unless
    /// there is one part only. Default = bounds at keys sampled on one way through the range.
    /// Whether the range counts as read in a serializable transaction is left open.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration) where `n` is 0.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, KeyRange};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// for n in 0..5000 {
    ///     tx.set(format!("{n:04}").into(), "".into()).await?;
    /// }
    /// // Read side by side, the parts are the range.
    /// let mut counted = 0;
    /// for part in tx.split(KeyRange::all(), 4).await? {
    ///     counted += tx.count(part, None).await?;
    /// }
    /// assert_eq!(counted, 5000);
    /// assert!(tx.approximate_count(KeyRange::all(), None).await? > 1000);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn split(&self, range: KeyRange, n: u32) -> Result<Vec<KeyRange>> {
        check_parts(n)?;
        provided::split(self, range, n).await
    }

    /// Returns the first `batch` keys of `range`, and what is left of it.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration) where `batch` is 0.
    async fn batch_keys(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<Batch<Key>> {
        check_batch(batch)?;
        let items = self.keys(range.clone(), ScanLimit::Count(batch), 0, version).await?;
        let next = rest_of(range, items.len(), batch, items.last());
        Ok(Batch { next, items })
    }

    /// As [`batch_keys`](Self::batch_keys), with the values.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration) where `batch` is 0.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions, KeyRange};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// for n in 0..5 {
    ///     tx.set(format!("row/{n}").into(), "".into()).await?;
    /// }
    /// let mut pages = Vec::new();
    /// let mut rest = Some(KeyRange::prefix("row/"));
    /// while let Some(range) = rest {
    ///     let page = tx.batch_keys_vals(range, 2, None).await?;
    ///     pages.push(page.items.len());
    ///     rest = page.next;
    /// }
    /// assert_eq!(pages, [2, 2, 1]);
    /// // The same as Arrow columns.
    /// let page = tx.batch_arrow(KeyRange::prefix("row/"), 3, None).await?;
    /// assert_eq!((page.batch.num_rows(), page.batch.num_columns()), (3, 2));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn batch_keys_vals(
        &self,
        range: KeyRange,
        batch: u32,
        version: Option<Version>,
    ) -> Result<Batch<(Key, Val)>> {
        check_batch(batch)?;
        let items = self.scan(range.clone(), ScanLimit::Count(batch), 0, version).await?;
        let next = rest_of(range, items.len(), batch, items.last().map(|(key, _)| key));
        Ok(Batch { next, items })
    }

    /// As [`batch_keys_vals`](Self::batch_keys_vals), as Arrow columns.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration) where `batch` is 0.
    async fn batch_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        ArrowBatch::from_rows(self.batch_keys_vals(range, batch, version).await?)
    }

    /// Returns the version that stands for now. In a store with versions, every commit that this transaction sees has a version up to it, and
    /// a commit made later has a greater one; such a store has to override the default, which is the wall clock, as
    /// [`HybridClock`] reads it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// let now = tx.timestamp().await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.commit().await?;
    /// assert!(tx.commit_version() > Some(now));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) in a store that is [read alone](crate::Datastore::reader): it does not know which commits
    /// another process makes later.
    async fn timestamp(&self) -> Result<Version> {
        if self.closed() {
            return Err(Error::TransactionFinished);
        }
        HybridClock::new().next()
    }

    /// Returns up to where rows that carry their writers' [`timestamp`](Self::timestamp)s can be read
    /// without missing any: the greatest version, up to that of the newest commit which this
    /// transaction sees, such that every write transaction that was given a timestamp up to it had
    /// finished when this transaction began.
    ///
    /// Who writes a row takes a timestamp, puts it into the row and commits, which takes time:
    /// another, with a later timestamp, may be visible sooner. A reader that goes by the newest row
    /// it finds passes over the first one for good. One that reads up to the safe timestamp of its
    /// transaction, and goes on from there with the next, gets each row once:
    ///
    /// ```
    /// use kv_api::{Datastore, KeyRange, Result, TransactionOptions, Version};
    ///
    /// fn key(timestamp: Version) -> kv_api::Key {
    ///     timestamp.to_be_bytes().to_vec().into()
    /// }
    ///
    /// /// The rows since the last call; they have the timestamps of their writers as keys.
    /// async fn news(store: &dyn Datastore, position: &mut Version) -> Result<KeyRange> {
    ///     let tx = store.begin(TransactionOptions::read()).await?;
    ///     let safe = tx.safe_timestamp().await?;
    ///     let range = KeyRange::from(key(*position + 1)..key(safe + 1));
    ///     *position = safe;
    ///     Ok(range)
    /// }
    /// ```
    ///
    /// A transaction has finished when its commit is visible, or was refused, and when it was
    /// cancelled or dropped. A commit whose future was dropped has finished once it is decided; one
    /// whose outcome is unknown has not, for as long as the store is open. Of several timestamps of
    /// a transaction the first counts. A read-only transaction writes nothing: its timestamps hold
    /// nobody up.
    ///
    /// It belongs to the snapshot, and does not change while the transaction is open. A transaction
    /// begun later has the same or a greater one, and no transaction is given a timestamp up to it
    /// any more, also where the store has been opened again.
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) unless the capability
    /// [`safe_timestamps`](crate::Capabilities::safe_timestamps) is declared.
    async fn safe_timestamp(&self) -> Result<Version> {
        if self.closed() {
            return Err(Error::TransactionFinished);
        }
        Err(Error::Unsupported { operation: "safe_timestamp" })
    }

    /// Asks the store to rewrite the files that hold `range` (`None` = all). A hint: what the transaction sees does not change.
    /// Default = nothing to do.
    async fn compact(&self, range: Option<KeyRange>) -> Result<()> {
        let _ = range;
        if self.closed() {
            return Err(Error::TransactionFinished);
        }
        Ok(())
    }

    /// As [`get`](Self::get), and the commit fails with a conflict if `key` has been written since
    /// the snapshot, as it would had the transaction written it. It is no write all the same:
    /// another transaction that reads the key, by this method too, does not conflict with it, and
    /// neither does one that writes the key and commits later.
    ///
    /// # Errors
    /// In the order of a write: [`TransactionFinished`](Error::TransactionFinished), then
    /// [`TransactionReadonly`](Error::TransactionReadonly), as a read-only transaction commits
    /// nothing that could be checked, then [`Unsupported`](Error::Unsupported) unless the
    /// capability [`read_checks`](crate::Capabilities::read_checks) is declared.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("limit".into(), "10".into()).await?;
    /// tx.commit().await?;
    ///
    /// // Takes a decision by a key that it does not write.
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// assert_eq!(tx.getu(b"limit").await?.as_deref(), Some(&b"10"[..]));
    /// tx.set("order".into(), "7".into()).await?;
    /// let other = store.begin(TransactionOptions::write()).await?;
    /// other.set("limit".into(), "5".into()).await?;
    /// other.commit().await?;
    /// assert!(matches!(tx.commit().await, Err(error) if error.is_retryable()));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        let _ = key;
        check_writeable(self)?;
        Err(Error::Unsupported { operation: "getu" })
    }
}

/// Refuses a page of no entries, which would never end.
///
/// # Errors
/// [`InvalidConfiguration`](Error::InvalidConfiguration)
pub fn check_batch(batch: u32) -> Result<()> {
    if batch == 0 {
        return Err(Error::InvalidConfiguration {
            knob: "batch".into(),
            value: "0".into(),
            allowed: "1 to 4294967295 entries".into(),
        });
    }
    Ok(())
}

/// Refuses to split a range into no parts.
///
/// # Errors
/// [`InvalidConfiguration`](Error::InvalidConfiguration)
pub fn check_parts(n: u32) -> Result<()> {
    if n == 0 {
        return Err(Error::InvalidConfiguration {
            knob: "parts".into(),
            value: "0".into(),
            allowed: "1 to 4294967295 parts".into(),
        });
    }
    Ok(())
}

/// What is left of `range` after a page of `taken` entries that ends in `last`.
fn rest_of(range: KeyRange, taken: usize, batch: u32, last: Option<&Key>) -> Option<KeyRange> {
    let last = last.filter(|_| taken as u64 >= u64::from(batch))?;
    let rest = KeyRange { start: KeyRange::key_after(last), end: range.end };
    (!rest.is_empty()).then_some(rest)
}
