//! A database on one backend, whose answers are text to be compared.

use super::script::Step;
use kv_surrealdb::LanceComposer;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use surrealdb_cnf::ConfigMap;
use surrealdb_core::channel::{Receiver, unbounded};
use surrealdb_core::dbs::Session;
use surrealdb_core::kvs::{Datastore, QueryRequest};
use surrealdb_kvs::TransactionType;
use surrealdb_types::{Notification, QueryError, ToSql as _};

/// What each statement came to.
pub(crate) type Answers = Vec<String>;

/// Time stamps are read to the millisecond: what is to be told apart by one lies further apart.
const PAUSE: Duration = Duration::from_millis(3);

/// The router looks for commits each 100 ms.
const DELIVERY: Duration = Duration::from_secs(10);

/// A transaction over several requests. Its type is in a crate that this one does not depend on.
type Open = Box<dyn Fn(Act) -> Pin<Box<dyn Future<Output = Answers> + Send>> + Send>;

enum Act {
    Run(String),
    Commit,
    Cancel,
}

pub(crate) struct Engine {
    pub(crate) name: &'static str,
    url: String,
    router: bool,
    db: Arc<Datastore>,
    session: Session,
    notifications: Receiver<Notification>,
    /// Those that came while others were waited for.
    early: Vec<Notification>,
    marks: usize,
    /// By the slot in the script: the live query's identity.
    live: BTreeMap<usize, String>,
    open: BTreeMap<usize, Open>,
    /// By the slot in the script: a time, and what was there then.
    past: BTreeMap<usize, (String, Answers)>,
}

impl Engine {
    /// Live queries are delivered by the router where `router` says so, and within the writing
    /// transaction otherwise.
    pub(crate) async fn open(name: &'static str, url: String, router: bool) -> Self {
        let (db, notifications) = connect(&url, router).await;
        let session = Session::owner().with_ns("diff").with_db("diff").with_rt(true);
        let (early, marks, live, open, past) = Default::default();
        Self { name, url, router, db, session, notifications, early, marks, live, open, past }
    }

    pub(crate) async fn reopen(&mut self) {
        self.db.shutdown().await.unwrap();
        (self.db, self.notifications) = connect(&self.url, self.router).await;
    }

    pub(crate) async fn close(self) {
        self.db.shutdown().await.unwrap();
    }

    /// Does `step`, for which other engines were told of `events` events.
    pub(crate) async fn run(&mut self, step: &Step, events: Option<usize>) -> Answers {
        match step {
            Step::Sql(sql) => self.sql(sql).await,
            Step::Live(slot, sql) => {
                if self.router {
                    self.let_the_router_pass().await;
                }
                let mut answers = self.sql(sql).await;
                // The identity is random.
                self.live.insert(*slot, answers.pop().unwrap().replacen("ok ", "", 1));
                answers
            }
            Step::Kill(slot) => {
                let id = self.live.remove(slot).unwrap();
                self.sql(&format!("KILL {id}")).await
            }
            Step::Events => self.events(events).await,
            Step::Begin(slot) => {
                let open = self.begin().await;
                self.open.insert(*slot, open);
                Answers::new()
            }
            Step::Within(slot, sql) => self.open[slot](Act::Run(sql.clone())).await,
            Step::Commit(slot) => self.open.remove(slot).unwrap()(Act::Commit).await,
            Step::Cancel(slot) => self.open.remove(slot).unwrap()(Act::Cancel).await,
            Step::Remember(slot, sql) => {
                tokio::time::sleep(PAUSE).await;
                let time = self.sql("RETURN time::now()").await.remove(0).replacen("ok ", "", 1);
                let answers = self.sql(sql).await;
                self.past.insert(*slot, (time, answers.clone()));
                tokio::time::sleep(PAUSE).await;
                answers
            }
            Step::Reopen => Answers::new(),
        }
    }

    /// What was remembered, and what reads at its time answer now.
    pub(crate) async fn remembered(&self, slot: usize, reads: &str) -> (Answers, Answers) {
        let (time, answers) = &self.past[&slot];
        (answers.clone(), self.sql(&reads.replace("$time", time)).await)
    }

    async fn sql(&self, sql: &str) -> Answers {
        run(&self.db, QueryRequest::new(sql, &self.session)).await
    }

    async fn begin(&self) -> Open {
        let (db, session) = (self.db.clone(), self.session.clone());
        let tx = Arc::new(db.transaction(TransactionType::Write).await.unwrap());
        Box::new(move |act| {
            let (db, session, tx) = (db.clone(), session.clone(), tx.clone());
            Box::pin(async move {
                let ended = match act {
                    Act::Run(sql) => {
                        return run(&db, QueryRequest::new(sql.as_str(), &session).with_transaction(tx)).await;
                    }
                    Act::Commit => tx.commit().await,
                    Act::Cancel => tx.cancel().await,
                };
                vec![match ended {
                    Ok(()) => "ended".into(),
                    // The reason is each backend's own.
                    Err(e) if e.to_string().contains("onflict") => "conflict".into(),
                    Err(e) => format!("error {e}"),
                }]
            })
        })
    }

    /// A pass of the router tells every live query that there is then, also one that is younger
    /// than the event. So one begins when all before it has been delivered.
    async fn let_the_router_pass(&mut self) {
        self.marks += 1;
        let answers = self.sql(&format!("LIVE SELECT * FROM mark; CREATE mark:{}", self.marks)).await;
        let wanted = format!("mark:{}", self.marks);
        while let Some(event) = self.event(DELIVERY).await {
            if event.record.to_sql() == wanted {
                break;
            }
            self.early.push(event);
        }
        self.sql(&format!("KILL {}", answers[0].replacen("ok ", "", 1))).await;
    }

    async fn event(&self, wait: Duration) -> Option<Notification> {
        tokio::time::timeout(wait, self.notifications.recv()).await.ok()?.ok()
    }

    /// What the live queries have been told: as many events as `expected`, or those that are there,
    /// in an order of their own, as within the writing transaction none is promised.
    async fn events(&mut self, expected: Option<usize>) -> Answers {
        let live = self.live.clone();
        let slot = |event: &Notification| live.iter().find(|(_, id)| **id == format!("u'{}'", event.id)).map(|l| *l.0);
        let mut told = Answers::new();
        let mut early = std::mem::take(&mut self.early).into_iter();
        loop {
            let wait = match expected {
                Some(expected) if told.len() < expected => DELIVERY,
                _ => PAUSE,
            };
            let event = match early.next() {
                Some(event) => event,
                None => match self.event(wait).await {
                    Some(event) => event,
                    None => break,
                },
            };
            // That of a mark is none of the script's.
            if let Some(slot) = slot(&event) {
                let (record, result) = (event.record.to_sql(), event.result.to_sql());
                told.push(format!("live {slot}: {:?} {record} {result}", event.action));
            }
        }
        told.sort();
        told
    }
}

async fn connect(url: &str, router: bool) -> (Arc<Datastore>, Receiver<Notification>) {
    let (sender, notifications) = unbounded();
    let engine = if router { "router" } else { "inline" };
    let config = ConfigMap::empty().with_key_value("live_query_engine", engine);
    let builder = Datastore::builder().with_config(config).with_notify(sender);
    (builder.build_with_factory_path(url, LanceComposer).await.unwrap(), notifications)
}

async fn run(db: &Datastore, request: QueryRequest<'_>) -> Answers {
    let results = match db.run(request).await {
        Ok(results) => results,
        Err(e) => return vec![format!("refused {e}")],
    };
    let text = |result: Result<surrealdb_types::Value, surrealdb_types::Error>| match result {
        Ok(value) => format!("ok {}", without_versions(&value.to_sql())),
        Err(e) if e.query_details() == Some(&QueryError::TransactionConflict) => "conflict".into(),
        Err(e) => format!("error {e}"),
    };
    results.into_iter().map(|result| text(result.output())).collect()
}

/// Each backend has time stamps of its own.
fn without_versions(answer: &str) -> String {
    let mut parts = answer.split("versionstamp: ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "versionstamp: …" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}
