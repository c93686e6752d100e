//! Opening the store of a command, and closing it whatever happened.

use crate::failure::{Failure, Outcome};
use kv_api::Datastore;
use kv_lance::{LanceConfig, LanceDatastore};

/// The store that `--store` names; it has to exist.
pub(crate) fn existing(url: &Option<String>) -> Outcome<LanceConfig> {
    Ok(any(url)?.create(false))
}

/// The store that `--store` names; it is made where there is none, unless the URL says otherwise.
pub(crate) fn any(url: &Option<String>) -> Outcome<LanceConfig> {
    let missing = || Failure::Usage("which store? Give --store URL or set KV_STORE".into());
    Ok(LanceConfig::from_url(url.as_deref().ok_or_else(missing)?)?)
}

/// Opens the store, does `work` and shuts the store down. The failure of the work goes before that of the shutdown.
pub(crate) async fn with_store<T>(
    config: LanceConfig,
    work: impl AsyncFnOnce(&LanceDatastore) -> Outcome<T>,
) -> Outcome<T> {
    let store = LanceDatastore::open(config).await?;
    let done = work(&store).await;
    let closed = store.shutdown().await;
    let value = done?;
    closed?;
    Ok(value)
}
