//! An embedded SurrealDB, as the tour uses it.

use kv_surrealdb::LanceComposer;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use surrealdb_cnf::ConfigMap;
use surrealdb_core::channel::{Receiver, bounded};
use surrealdb_core::dbs::Session;
use surrealdb_core::kvs::{Datastore, TransactionBuilderFactory};
use surrealdb_types::{Notification, QueryError, ToSql as _, Value};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A database, a session in it and its live notifications.
#[derive(Clone)]
pub(crate) struct Database {
    db: Arc<Datastore>,
    session: Session,
    notifications: Receiver<Notification>,
}

impl Database {
    pub(crate) async fn open(url: &str) -> Outcome<Self> {
        Self::open_with(url, LanceComposer).await
    }

    /// On what `composer` makes of `url`.
    pub(crate) async fn open_with(
        url: &str,
        composer: impl TransactionBuilderFactory<RouterState = ()>,
    ) -> Outcome<Self> {
        let (sender, notifications) = bounded(1000);
        // The router delivers what has been committed; the default engine works inside of the
        // writing transaction.
        let config = ConfigMap::empty().with_key_value("live_query_engine", "router");
        let db =
            Datastore::builder().with_config(config).with_notify(sender).build_with_factory_path(url, composer).await?;
        let session = Session::owner().with_ns("tour").with_db("tour").with_rt(true);
        Ok(Self { db, session, notifications })
    }

    pub(crate) async fn close(self) -> Outcome<()> {
        Ok(self.db.shutdown().await?)
    }

    /// Runs statements, each of which has to succeed, and returns what the last one answers.
    pub(crate) async fn run(&self, statements: &str) -> Outcome<Value> {
        Ok(self.try_run(statements).await?)
    }

    /// As [`run`](Self::run), with SurrealDB's own error.
    async fn try_run(&self, statements: &str) -> Result<Value, surrealdb_types::Error> {
        let mut last = Value::None;
        let mut failed = None;
        for result in self.db.execute(statements, &self.session, None).await? {
            match result.output() {
                Ok(value) => last = value,
                // Of a transaction's statements only the one that ends it may know of a conflict.
                Err(error) if failed.is_none() || is_conflict(&error) => failed = Some(error),
                Err(_) => {}
            }
        }
        failed.map_or(Ok(last), Err)
    }

    /// Runs statements until they do not conflict with others; the answer is how often they did.
    pub(crate) async fn run_with_retries(&self, statements: &str) -> Outcome<usize> {
        let mut conflicts = 0;
        while let Err(error) = self.try_run(statements).await {
            if !is_conflict(&error) {
                return Err(error.into());
            }
            conflicts += 1;
        }
        Ok(conflicts)
    }

    /// Runs statements, prints what the last one answers and compares it with `expected`.
    pub(crate) async fn expect(&self, statements: &str, expected: &str) -> Outcome<()> {
        let answer = self.run(statements).await?;
        println!("  {statements}\n    {}", answer.to_sql());
        let wanted = surrealdb_core::syn::value(expected)?;
        if answer != wanted {
            return Err(format!("expected {}", wanted.to_sql()).into());
        }
        Ok(())
    }

    /// The next notification of a live query.
    pub(crate) async fn notification(&self) -> Outcome<Notification> {
        Ok(tokio::time::timeout(Duration::from_secs(10), self.notifications.recv()).await??)
    }
}

fn is_conflict(error: &surrealdb_types::Error) -> bool {
    error.query_details() == Some(&QueryError::TransactionConflict)
}
