//! Reads statements and prints answers.

use crate::args::Sql;
use anyhow::{Context as _, Result};
use kv_surrealdb::LanceComposer;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stdin, stdout};
use std::sync::Arc;
use surrealdb_core::channel::unbounded;
use surrealdb_core::dbs::Session;
use surrealdb_core::kvs::Datastore;
use surrealdb_types::ToSql as _;

struct Shell {
    db: Arc<Datastore>,
    session: Session,
    pretty: bool,
    failed: usize,
}

/// Returns how many statements failed.
pub(crate) async fn run(sql: Sql) -> Result<usize> {
    let (sender, notifications) = unbounded();
    let db = Datastore::builder().with_notify(sender).build_with_factory_path(&sql.path, LanceComposer).await?;
    let session = Session::owner().with_ns(&sql.namespace).with_db(&sql.database).with_rt(true);
    let mut shell = Shell { db, session, pretty: sql.pretty, failed: 0 };
    shell.prepare(&sql.namespace, &sql.database).await?;
    tokio::spawn(async move {
        while let Ok(told) = notifications.recv().await {
            println!("{:?} {} {}", told.action, told.record.to_sql(), told.result.to_sql());
        }
    });
    let outcome = if stdin().is_terminal() { shell.lines().await } else { shell.all().await };
    shell.db.shutdown().await?;
    outcome?;
    Ok(shell.failed)
}

impl Shell {
    async fn prepare(&self, namespace: &str, database: &str) -> Result<()> {
        let [namespace, database] = [namespace, database].map(|name| name.replace('\\', r"\\").replace('`', r"\`"));
        let statements = format!(
            "DEFINE NAMESPACE IF NOT EXISTS `{namespace}`; USE NS `{namespace}`; DEFINE DATABASE IF NOT EXISTS `{database}`"
        );
        for result in self.db.execute(&statements, &self.session, None).await? {
            result.output().context("preparing the namespace and the database")?;
        }
        Ok(())
    }

    async fn lines(&mut self) -> Result<()> {
        loop {
            print!("> ");
            stdout().flush()?;
            let mut line = String::new();
            if stdin().lock().read_line(&mut line)? == 0 {
                println!();
                return Ok(());
            }
            match line.trim() {
                "" => {}
                "exit" | "quit" => return Ok(()),
                statements => self.execute(statements).await,
            }
        }
    }

    async fn all(&mut self) -> Result<()> {
        let mut statements = String::new();
        stdin().lock().read_to_string(&mut statements)?;
        self.execute(&statements).await;
        Ok(())
    }

    async fn execute(&mut self, statements: &str) {
        let results = match self.db.execute(statements, &self.session, None).await {
            Ok(results) => results,
            Err(e) => return self.fail(&e),
        };
        for result in results {
            match result.output() {
                Ok(value) if self.pretty => println!("{}", value.to_sql_pretty()),
                Ok(value) => println!("{}", value.to_sql()),
                Err(e) => self.fail(&e),
            }
        }
    }

    fn fail(&mut self, error: &surrealdb_types::Error) {
        self.failed += 1;
        eprintln!("error: {error}");
    }
}
