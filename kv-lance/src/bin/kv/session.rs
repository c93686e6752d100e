//! The store of a command: opened for it, and closed whatever happened, or open already.

use crate::failure::{Failure, Outcome};
use kv_api::Datastore;
use kv_lance::{LanceConfig, LanceDatastore};
use std::path::Path;

/// The store that a command works on.
pub(crate) enum Store<'a> {
    /// Opened for this command alone.
    Closed(LanceConfig),
    /// The same, to be read alone, whoever else has it open.
    ReadOnly(LanceConfig),
    /// Open for the commands before and after it too.
    Open(&'a LanceDatastore, &'a LanceConfig),
}

impl Store<'_> {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Closed(config) | Self::ReadOnly(config) => config.path(),
            Self::Open(_, config) => config.path(),
        }
    }
}

/// The store that `--store` names; it has to exist.
pub(crate) fn existing(url: &Option<String>) -> Outcome<LanceConfig> {
    Ok(any(url)?.create(false))
}

/// The store that `--store` names; it is made where there is none, unless the URL says otherwise.
pub(crate) fn any(url: &Option<String>) -> Outcome<LanceConfig> {
    let missing = || Failure::Usage("which store? Give --store URL or set KV_STORE".into());
    Ok(LanceConfig::from_url(url.as_deref().ok_or_else(missing)?)?)
}

/// Does `work`, with the store opened before it and shut down after it where it is not open
/// already. The failure of the work goes before that of the shutdown.
pub(crate) async fn with_store<T>(
    store: Store<'_>,
    work: impl AsyncFnOnce(&LanceDatastore) -> Outcome<T>,
) -> Outcome<T> {
    let store = match store {
        Store::Open(store, _) => return work(store).await,
        Store::Closed(config) => LanceDatastore::open(config).await?,
        Store::ReadOnly(config) => LanceDatastore::open_read_only(config).await?,
    };
    let done = work(&store).await;
    let closed = store.shutdown().await;
    let value = done?;
    closed?;
    Ok(value)
}
