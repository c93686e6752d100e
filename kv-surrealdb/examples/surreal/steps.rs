//! The steps of the tour.

use crate::database::{Database, Outcome};
use surrealdb_types::ToSql as _;

/// A time is a version to the millisecond: what is to be told apart by it lies further apart.
async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
}

pub(crate) async fn schema(db: &Database) -> Outcome<()> {
    println!("schema");
    db.run(
        "DEFINE NAMESPACE tour; USE NS tour; DEFINE DATABASE tour CHANGEFEED 1d; USE DB tour;
         DEFINE TABLE person SCHEMAFULL;
         DEFINE FIELD name ON person TYPE string;
         DEFINE FIELD age ON person TYPE int ASSERT $value >= 0;
         DEFINE INDEX name ON person FIELDS name UNIQUE;
         DEFINE TABLE knows TYPE RELATION FROM person TO person;",
    )
    .await?;
    for (refused, why) in [
        ("CREATE person:dee SET name = 'Dee', age = -1", "conform"),
        (
            "CREATE person:eve SET name = 'Eve', age = 1; CREATE person:eva SET name = 'Eve', age = 2",
            "already contains",
        ),
    ] {
        let error = db.run(refused).await.err().map(|e| e.to_string()).unwrap_or_default();
        println!("  {refused}\n    {error}");
        if !error.contains(why) {
            return Err(format!("expected an error that says '{why}'").into());
        }
    }
    db.run("DELETE person").await.map(drop)
}

pub(crate) async fn records(db: &Database) -> Outcome<()> {
    println!("CREATE and SELECT");
    db.run(
        "CREATE person:ada SET name = 'Ada', age = 36;
         CREATE person:ben SET name = 'Ben', age = 41;
         CREATE person:cleo SET name = 'Cleo', age = 29;",
    )
    .await?;
    db.expect("SELECT VALUE name FROM person WHERE age > 30 ORDER BY name", "['Ada', 'Ben']").await?;
    db.expect("SELECT VALUE age FROM ONLY person:cleo", "29").await?;
    db.expect("SELECT VALUE id FROM person WHERE name = 'Ben'", "[person:ben]").await?;
    db.expect("SELECT VALUE name FROM person:b..d", "['Ben', 'Cleo']").await
}

pub(crate) async fn graph(db: &Database) -> Outcome<()> {
    println!("RELATE and a graph's edges");
    db.run("RELATE person:ada->knows->person:ben; RELATE person:ben->knows->person:cleo").await?;
    db.expect("SELECT VALUE ->knows->person.name FROM ONLY person:ada", "['Ben']").await?;
    db.expect("SELECT VALUE ->knows->person->knows->person.name FROM ONLY person:ada", "['Cleo']").await?;
    db.expect("SELECT VALUE <-knows<-person.name FROM ONLY person:cleo", "['Ben']").await
}

pub(crate) async fn live(db: &Database) -> Outcome<()> {
    println!("LIVE SELECT");
    let id = db.run("LIVE SELECT name FROM person").await?.to_sql();
    db.run("CREATE person:fay SET name = 'Fay', age = 52").await?;
    let told = db.notification().await?;
    println!("  {:?} {} {}", told.action, told.record.to_sql(), told.result.to_sql());
    if told.record.to_sql() != "person:fay" {
        return Err("expected a notification of person:fay".into());
    }
    db.run(&format!("KILL {id}; DELETE person:fay")).await.map(drop)
}

pub(crate) async fn version(db: &Database) -> Outcome<()> {
    println!("VERSION");
    let before = db.run("RETURN time::now()").await?.to_sql();
    pause().await;
    db.run("UPDATE person:ada SET age = 37").await?;
    db.expect("SELECT VALUE age FROM person:ada", "[37]").await?;
    db.expect(&format!("SELECT VALUE age FROM person:ada VERSION {before}"), "[36]").await
}

pub(crate) async fn changes(db: &Database) -> Outcome<()> {
    println!("SHOW CHANGES");
    let since = db.run("RETURN time::now()").await?.to_sql();
    pause().await;
    db.run("UPDATE person:ben SET age = 42; DELETE person:cleo").await?;
    let changes = db.run(&format!("SHOW CHANGES FOR TABLE person SINCE {since}")).await?.to_sql();
    println!("  SHOW CHANGES FOR TABLE person SINCE {since}\n    {changes}");
    match changes.find("age: 42") < changes.find("delete") && changes.contains("person:cleo") {
        true => Ok(()),
        false => Err("expected an update of person:ben, then a deletion of person:cleo".into()),
    }
}

pub(crate) async fn full_text(db: &Database) -> Outcome<()> {
    println!("full-text index");
    db.run(
        "DEFINE ANALYZER words TOKENIZERS blank, class FILTERS lowercase, snowball(english);
         DEFINE INDEX text ON note FIELDS text FULLTEXT ANALYZER words BM25;
         CREATE note:1 SET text = 'Columns are stored in files';
         CREATE note:2 SET text = 'A journal goes before the columns';
         CREATE note:3 SET text = 'Snapshots read one version';",
    )
    .await?;
    db.expect("SELECT VALUE id FROM note WHERE text @@ 'column' ORDER BY id", "[note:1, note:2]").await?;
    db.expect("SELECT VALUE id FROM note WHERE text @@ 'reading versions'", "[note:3]").await
}

pub(crate) async fn vectors(db: &Database) -> Outcome<()> {
    println!("HNSW index");
    db.run("DEFINE INDEX at ON place FIELDS at HNSW DIMENSION 2 DIST EUCLIDEAN").await?;
    for (x, y) in (0..6).flat_map(|x| (0..6).map(move |y| (x, y))) {
        db.run(&format!("CREATE place:{x}{y} SET at = [{x}, {y}]")).await?;
    }
    db.expect("SELECT VALUE id FROM place WHERE at <|2,40|> [4.1, 2.2]", "[place:42, place:43]").await
}

pub(crate) async fn conflicts(db: &Database) -> Outcome<()> {
    println!("transactions that conflict, tried again");
    db.run("CREATE counter:visits SET n = 0").await?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = db.clone();
        tasks.spawn(async move {
            let mut conflicts = 0;
            for _ in 0..20 {
                conflicts += db.run_with_retries("UPDATE counter:visits SET n += 1").await?;
            }
            Outcome::Ok(conflicts)
        });
    }
    let mut conflicts = 0;
    while let Some(task) = tasks.join_next().await {
        conflicts += task??;
    }
    println!("  8 tasks, 160 increments, {conflicts} conflicts");
    db.expect("SELECT VALUE n FROM ONLY counter:visits", "160").await
}

pub(crate) async fn expunge(db: &Database) -> Outcome<()> {
    println!("EXPUNGE");
    db.run("CREATE secret:1 SET text = 'gone soon'; CREATE kept:1 SET text = 'of old'").await?;
    pause().await;
    let before = db.run("RETURN time::now()").await?.to_sql();
    pause().await;
    db.run("REMOVE TABLE kept; REMOVE TABLE AND EXPUNGE secret").await?;
    // What was removed can be read at its time, what was expunged cannot.
    db.expect(&format!("SELECT VALUE text FROM kept:1 VERSION {before}"), "['of old']").await?;
    let expunged = format!("SELECT VALUE text FROM secret:1 VERSION {before}");
    let answer = db.run(&expunged).await.map_or_else(|error| error.to_string(), |rows| rows.to_sql());
    println!("  {expunged}\n    {answer}");
    if answer.contains("gone soon") {
        return Err("expected the expunged row to be gone at every version".into());
    }
    Ok(())
}

pub(crate) async fn reopened(db: &Database) -> Outcome<()> {
    println!("opened again");
    db.expect("SELECT VALUE age FROM person ORDER BY age", "[37, 42]").await?;
    db.expect("SELECT VALUE ->knows->person.name FROM ONLY person:ada", "['Ben']").await?;
    db.expect("SELECT VALUE id FROM note WHERE text @@ 'journal'", "[note:2]").await?;
    db.expect("SELECT VALUE id FROM place WHERE at <|1,40|> [0.2, 4.9]", "[place:05]").await?;
    db.expect("SELECT VALUE n FROM ONLY counter:visits", "160").await
}
