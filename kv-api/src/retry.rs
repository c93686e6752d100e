//! A transaction that is tried again where it conflicts.

use crate::giving_way::give_way;
use crate::{Datastore, Result, Transactable, TransactionOptions};
use std::sync::Arc;

/// Runs `work` in a transaction and commits it; where that conflicts with another transaction, all of it again, in a new one.
/// What `work` returned the last time is returned.
///
/// `work` may run any number of times, so it should do nothing that cannot be repeated. It neither commits nor cancels.
///
/// ```
/// use kv_api::{Datastore, Result, TransactionOptions, retry};
///
/// /// Adds `by` to the counter at `key` and returns the new value.
/// async fn increment(store: &dyn Datastore, key: &'static [u8], by: u64) -> Result<u64> {
///     retry(store, TransactionOptions::write(), |tx| async move {
///         let old = tx.get(key, None).await?;
///         let old = old.and_then(|v| v.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes);
///         tx.set(key.into(), (old + by).to_be_bytes().to_vec().into()).await?;
///         Ok(old + by)
///     })
///     .await
/// }
/// ```
///
/// # Errors
/// The first error that is not [retryable](crate::Error::is_retryable), of `work`, of beginning or of committing. The
/// transaction is cancelled then, unless the commit gave the error: after
/// [`CommitOutcomeUnknown`](crate::Error::CommitOutcomeUnknown) it may be there or not. With read-only `options`:
/// [`TransactionReadonly`](crate::Error::TransactionReadonly).
pub async fn retry<T, Running: Future<Output = Result<T>>>(
    store: &dyn Datastore,
    options: TransactionOptions,
    work: impl Fn(Arc<dyn Transactable>) -> Running,
) -> Result<T> {
    loop {
        let tx: Arc<dyn Transactable> = store.begin(options).await?.into();
        let done = match work(tx.clone()).await {
            Ok(result) => tx.commit().await.map(|()| result),
            Err(e) => {
                // What went wrong in `work` is the error to tell, whatever cancelling says.
                let _ = tx.cancel().await;
                Err(e)
            }
        };
        match done {
            Err(e) if e.is_retryable() => give_way().await,
            done => return done,
        }
    }
}
