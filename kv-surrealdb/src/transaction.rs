//! A transaction of the store as one of SurrealDB.

use crate::cursor::{KeysCursor, ValsCursor};
use crate::error::Mapped as _;
use crate::range::{key, range};
use crate::stamp::{stamp, stamps};
use crate::walk::Walk;
use std::ops::ControlFlow::Continue;
use surrealdb_kvs::api::{
    BoxFut, GetMultiResult, KeysResult, ScanCursorKeys, ScanCursorVals, ScanResult, Transactable,
};
use surrealdb_kvs::timestamp::{BoxTimeStamp, BoxTimeStampImpl};
use surrealdb_kvs::{Direction, Error, Key, KeyRange, Result, Val};

/// A transaction of any store behind [`kv_api`].
pub(crate) struct StoreTransaction {
    inner: Box<dyn kv_api::Transactable>,
}

impl StoreTransaction {
    pub(crate) fn new(inner: Box<dyn kv_api::Transactable>) -> Self {
        Self { inner }
    }

    fn walk(&self, over: KeyRange<'_>, direction: Direction, skip: u32, version: Option<u64>) -> Walk<'_> {
        Walk::new(&*self.inner, over, direction, skip, version)
    }

    async fn all_keys(&self, mut walk: Walk<'_>, limit: u32) -> Result<KeysResult> {
        let mut keys = Vec::new();
        let mut gather = |key: &[u8]| {
            keys.push(key.to_vec());
            Ok(Continue(()))
        };
        let key_bytes = walk.keys(limit, &mut gather).await?.key_bytes;
        Ok(KeysResult { keys, key_bytes })
    }

    async fn all_vals(&self, mut walk: Walk<'_>, limit: u32) -> Result<ScanResult> {
        let mut values = Vec::new();
        let mut gather = |key: &[u8], val: &[u8]| {
            values.push((key.to_vec(), val.to_vec()));
            Ok(Continue(()))
        };
        let stats = walk.vals(limit, &mut gather).await?;
        Ok(ScanResult { values, key_bytes: stats.key_bytes, value_bytes: stats.value_bytes })
    }

    /// What a cursor answers when it is opened; what is wrong with the range comes with its first
    /// rows.
    async fn check_readable(&self, version: Option<u64>) -> Result<()> {
        if version.is_none() && !self.closed() {
            return Ok(());
        }
        self.inner.getm(Vec::new(), version).await.mapped().map(drop)
    }
}

impl Transactable for StoreTransaction {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn closed(&self) -> bool {
        self.inner.closed()
    }

    fn writeable(&self) -> bool {
        self.inner.writeable()
    }

    fn cancel(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move { self.inner.cancel().await.mapped() })
    }

    fn commit(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move { self.inner.commit().await.mapped() })
    }

    fn exists<'a>(&'a self, key: Key<'a>, version: Option<u64>) -> BoxFut<'a, Result<bool>> {
        Box::pin(async move { self.inner.exists(&key, version).await.mapped() })
    }

    fn get<'a>(&'a self, key: Key<'a>, version: Option<u64>) -> BoxFut<'a, Result<Option<Val>>> {
        Box::pin(async move { Ok(self.inner.get(&key, version).await.mapped()?.map(Val::from)) })
    }

    fn getu<'a>(&'a self, key: Key<'a>) -> BoxFut<'a, Result<Option<Val>>> {
        Box::pin(async move { Ok(self.inner.getu(&key).await.mapped()?.map(Val::from)) })
    }

    fn shared_locked_reads(&self) -> bool {
        // kv_api says so of every store: two `getu` of one key do not conflict.
        true
    }

    fn getm<'a>(&'a self, keys: &'a [Key<'a>], version: Option<u64>) -> BoxFut<'a, Result<GetMultiResult>> {
        Box::pin(async move {
            let keys = keys.iter().map(|k| key(k.as_borrowed())).collect();
            let values: Vec<Option<Val>> =
                self.inner.getm(keys, version).await.mapped()?.into_iter().map(|val| val.map(Val::from)).collect();
            let found = || values.iter().flatten();
            let (records, value_bytes) = (found().count() as u64, found().map(|val| val.len() as u64).sum());
            Ok(GetMultiResult { values, records, value_bytes })
        })
    }

    fn set<'a>(&'a self, k: Key<'a>, val: Val) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.set(key(k), val.into()).await.mapped() })
    }

    fn replace<'a>(&'a self, k: Key<'a>, val: Val) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.replace(key(k), val.into()).await.mapped() })
    }

    fn put<'a>(&'a self, k: Key<'a>, val: Val) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.put(key(k), val.into()).await.mapped() })
    }

    fn putc<'a>(&'a self, k: Key<'a>, val: Val, chk: Option<Val>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.putc(key(k), val.into(), chk.map(Into::into)).await.mapped() })
    }

    fn del<'a>(&'a self, k: Key<'a>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.del(key(k)).await.mapped() })
    }

    fn delc<'a>(&'a self, k: Key<'a>, chk: Option<&'a [u8]>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.delc(key(k), chk.map(|val| val.to_vec().into())).await.mapped() })
    }

    fn clr<'a>(&'a self, k: Key<'a>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.clr(key(k)).await.mapped() })
    }

    fn clrc<'a>(&'a self, k: Key<'a>, chk: Option<&'a [u8]>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.clrc(key(k), chk.map(|val| val.to_vec().into())).await.mapped() })
    }

    fn delr<'a>(&'a self, over: KeyRange<'a>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.delr(range(over)).await.mapped() })
    }

    fn clrr<'a>(&'a self, over: KeyRange<'a>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.clrr(range(over)).await.mapped() })
    }

    fn count<'a>(&'a self, over: KeyRange<'a>, version: Option<u64>) -> BoxFut<'a, Result<usize>> {
        Box::pin(async move {
            let count = self.inner.count(range(over), version).await.mapped()?;
            usize::try_from(count).map_err(Error::internal)
        })
    }

    fn keys<'a>(
        &'a self,
        over: KeyRange<'a>,
        limit: u32,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<KeysResult>> {
        Box::pin(self.all_keys(self.walk(over, Direction::Forward, skip, version), limit))
    }

    fn keysr<'a>(
        &'a self,
        over: KeyRange<'a>,
        limit: u32,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<KeysResult>> {
        Box::pin(self.all_keys(self.walk(over, Direction::Backward, skip, version), limit))
    }

    fn scan<'a>(
        &'a self,
        over: KeyRange<'a>,
        limit: u32,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<ScanResult>> {
        Box::pin(self.all_vals(self.walk(over, Direction::Forward, skip, version), limit))
    }

    fn scanr<'a>(
        &'a self,
        over: KeyRange<'a>,
        limit: u32,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<ScanResult>> {
        Box::pin(self.all_vals(self.walk(over, Direction::Backward, skip, version), limit))
    }

    fn getr<'a>(&'a self, over: KeyRange<'a>, version: Option<u64>) -> BoxFut<'a, Result<ScanResult>> {
        Box::pin(self.all_vals(self.walk(over, Direction::Forward, 0, version), u32::MAX))
    }

    fn open_keys_cursor<'a>(
        &'a self,
        over: KeyRange<'a>,
        direction: Direction,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<Box<dyn ScanCursorKeys + 'a>>> {
        Box::pin(async move {
            self.check_readable(version).await?;
            Ok(Box::new(KeysCursor::new(self.walk(over, direction, skip, version))) as Box<dyn ScanCursorKeys>)
        })
    }

    fn open_vals_cursor<'a>(
        &'a self,
        over: KeyRange<'a>,
        direction: Direction,
        skip: u32,
        version: Option<u64>,
    ) -> BoxFut<'a, Result<Box<dyn ScanCursorVals + 'a>>> {
        Box::pin(async move {
            self.check_readable(version).await?;
            Ok(Box::new(ValsCursor::new(self.walk(over, direction, skip, version))) as Box<dyn ScanCursorVals>)
        })
    }

    fn new_save_point(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move { self.inner.new_save_point().await.mapped() })
    }

    fn release_last_save_point(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move {
            match self.inner.release_last_save_point().await {
                // SurrealDB asks for this: a release without an open save point does nothing.
                Err(kv_api::Error::NoSavePointPresent) => Ok(()),
                released => released.mapped(),
            }
        })
    }

    fn rollback_to_save_point(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move { self.inner.rollback_to_save_point().await.mapped() })
    }

    fn timestamp(&self) -> BoxFut<'_, Result<BoxTimeStamp>> {
        Box::pin(async move { self.inner.timestamp().await.mapped().map(stamp) })
    }

    fn safe_timestamp(&self) -> BoxFut<'_, Result<BoxTimeStamp>> {
        // Without it a live query would lose events: a store that has none is refused, rather than
        // asked for the time.
        Box::pin(async move { self.inner.safe_timestamp().await.mapped().map(stamp) })
    }

    fn timestamp_impl(&self) -> BoxTimeStampImpl {
        stamps()
    }

    fn compact<'a>(&'a self, over: Option<KeyRange<'a>>) -> BoxFut<'a, Result<()>> {
        Box::pin(async move { self.inner.compact(over.map(range)).await.mapped() })
    }
}
