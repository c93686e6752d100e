//! The scheme `lance` of SurrealDB's connection paths.

use crate::builder::StoreBuilder;
use crate::config::config;
use crate::error::Mapped as _;
use kv_lance::LanceDatastore;
use surrealdb_kvs::api::BoxFut;
use surrealdb_kvs::{Result, TransactionBuilder};
use surrealdb_kvs_any::{BackendProvider, ConnectContext};

/// Opens `lance:///absolute/path` and `lance:relative/path`, with kv-lance's parameters after a
/// `?`.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use kv_surrealdb::LanceProvider;
/// use surrealdb_kvs_any::Backends;
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// # let path = path.display();
/// let mut backends = Backends::community();
/// backends.register(LanceProvider);
/// let path = format!("lance://{path}?retention=30d&sync=every");
/// let builder = backends.new_transaction_builder(&path, Default::default(), Default::default()).await.unwrap();
/// assert_eq!(builder.name(), "kv-lance");
/// builder.shutdown().await.unwrap();
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LanceProvider;

impl BackendProvider for LanceProvider {
    fn schemes(&self) -> &[&'static str] {
        &["lance"]
    }

    fn connect<'a>(&'a self, context: ConnectContext<'a>) -> BoxFut<'a, Result<Box<dyn TransactionBuilder>>> {
        Box::pin(async move {
            let store = LanceDatastore::open(config(context.path, &context.config)?).await.mapped()?;
            Ok(Box::new(StoreBuilder::new(store)) as Box<dyn TransactionBuilder>)
        })
    }
}
