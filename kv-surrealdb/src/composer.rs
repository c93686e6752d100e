//! Which backend SurrealDB builds for a path.

use crate::provider::LanceProvider;
use surrealdb_cnf::ConfigMap;
use surrealdb_core::kvs::{TransactionBuilderFactory, TransactionBuilderParts};
use surrealdb_kvs_any::Backends;
use tokio_util::sync::CancellationToken;

/// SurrealDB's own backends, as far as they are compiled in, and `lance`.
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use kv_surrealdb::LanceComposer;
/// use surrealdb_core::kvs::Datastore;
///
/// let db = Datastore::builder().build_with_factory_path("lance:///srv/surreal", LanceComposer).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LanceComposer;

impl LanceComposer {
    fn backends() -> Backends<'static> {
        let mut backends = Backends::community();
        backends.register(LanceProvider);
        backends
    }
}

impl TransactionBuilderFactory for LanceComposer {
    type RouterState = ();

    async fn new_transaction_builder(
        &self,
        path: &str,
        canceller: CancellationToken,
        config: ConfigMap,
    ) -> anyhow::Result<TransactionBuilderParts<()>> {
        let builder = Self::backends().new_transaction_builder(path, canceller, config).await?;
        Ok(TransactionBuilderParts::without_router_state(builder))
    }

    fn path_valid(&self, path: &str) -> anyhow::Result<String> {
        Ok(Self::backends().path_valid(path)?)
    }
}
