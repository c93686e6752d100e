//! A disk that is full under SurrealQL.

use crate::database::Database;
use crate::faulty::{ENOSPC, Fault, Faulty, Operation};
use kv_lance::{LanceConfig, LanceDatastore};
use kv_surrealdb::StoreBuilder;
use std::sync::Arc;
use surrealdb_cnf::ConfigMap;
use surrealdb_core::kvs::{TransactionBuilderFactory, TransactionBuilderParts};
use surrealdb_types::ToSql as _;

/// A store on files that fail when they are told to.
struct OnFaulty(Faulty);

impl TransactionBuilderFactory for OnFaulty {
    type RouterState = ();

    async fn new_transaction_builder(
        &self,
        path: &str,
        _: tokio_util::sync::CancellationToken,
        _: ConfigMap,
    ) -> anyhow::Result<TransactionBuilderParts<()>> {
        let config = LanceConfig::new(path).files(Arc::new(self.0.clone()));
        let store = LanceDatastore::open(config).await?;
        Ok(TransactionBuilderParts::without_router_state(Box::new(StoreBuilder::new(store))))
    }

    fn path_valid(&self, path: &str) -> anyhow::Result<String> {
        Ok(path.into())
    }
}

#[tokio::test]
async fn it_is_told_reads_go_on_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store").display().to_string();
    let files = Faulty::default();
    let db = Database::open_with(&path, OnFaulty(files.clone())).await.unwrap();
    db.run("DEFINE NAMESPACE tour; USE NS tour; DEFINE DATABASE tour; CREATE note:1").await.unwrap();
    files.add(Fault::always(Operation::Write, ".log", ENOSPC));
    let error = db.run("CREATE note:2").await.err().unwrap().to_string();
    // Whether the commit reached the medium cannot be known, and it is not said that it did not.
    assert!(error.contains("may or may not have been applied") && error.contains("No space left"), "{error}");
    let error = db.run("CREATE note:3").await.err().unwrap().to_string();
    assert!(error.contains("the store takes no more writes until it is opened again"), "{error}");
    assert!(db.run("SELECT VALUE id FROM note").await.unwrap().to_sql().starts_with("[note:1"));
    files.heal();
    drop(db.close().await);
    let db = Database::open_with(&path, OnFaulty(files)).await.unwrap();
    db.run("CREATE note:4").await.unwrap();
    let notes = db.run("SELECT VALUE id FROM note").await.unwrap().to_sql();
    assert!(["[note:1, note:4]", "[note:1, note:2, note:4]"].contains(&notes.as_str()), "{notes}");
}
