//! A database and a session in it.

use crate::Outcome;
use crate::workload::Data;
use kv_surrealdb::LanceComposer;
use std::sync::Arc;
use surrealdb_core::dbs::Session;
use surrealdb_core::kvs::Datastore;
use surrealdb_types::QueryError;

#[derive(Clone)]
pub(crate) struct Client {
    db: Arc<Datastore>,
    session: Session,
}

impl Client {
    pub(crate) async fn open(url: &str) -> Outcome<Self> {
        let db = Datastore::builder().build_with_factory_path(url, LanceComposer).await?;
        let session = Session::owner().with_ns("speed").with_db("speed");
        Ok(Self { db, session })
    }

    pub(crate) async fn close(self) -> Outcome<()> {
        Ok(self.db.shutdown().await?)
    }

    /// Runs one statement until it does not conflict; the answer is how often it did.
    pub(crate) async fn run(&self, statement: &str) -> Outcome<usize> {
        let mut conflicts = 0;
        'again: loop {
            for result in self.db.execute(statement, &self.session, None).await? {
                match result.output() {
                    Ok(_) => {}
                    Err(e) if e.query_details() == Some(&QueryError::TransactionConflict) => {
                        conflicts += 1;
                        continue 'again;
                    }
                    Err(e) => return Err(e.into()),
                }
            }
            return Ok(conflicts);
        }
    }

    /// The schema, and what is there before anything is measured.
    pub(crate) async fn load(&self, data: Data) -> Outcome<()> {
        for statement in data.schema() {
            self.run(statement).await?;
        }
        for statement in data.contents() {
            self.run(&statement).await?;
        }
        Ok(())
    }
}
