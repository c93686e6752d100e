//! What is wrong reaches the user in words, and the database goes on.

use crate::database::Database;
use crate::{Fixture, url};
use surrealdb_types::ToSql as _;

async fn refused(url: &str) -> String {
    match Database::open(url).await {
        Ok(_) => panic!("{url} was opened"),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn parameters_that_do_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(&url(&folder, "?snyc=every")).await;
    assert!(text.contains("URL parameter 'snyc'") && text.contains("there is no such parameter"), "{text}");
    let text = refused(&url(&folder, "?retention=long")).await;
    assert!(text.contains("'retention'") && text.contains("as in 12h or 7d"), "{text}");
}

#[tokio::test]
async fn a_folder_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("store")).unwrap();
    std::fs::write(folder.path().join("store/CURRENT"), "MANIFEST-000001").unwrap();
    let text = refused(&url(&folder, "")).await;
    assert!(text.contains("is not a store"), "{text}");
}

#[tokio::test]
async fn a_store_that_is_open_elsewhere() {
    let fixture = Fixture::new().await;
    let text = refused(&url(&fixture.folder, "")).await;
    assert!(text.contains("is open already"), "{text}");
    fixture.db.run("CREATE still:1").await.unwrap();
}

#[tokio::test]
async fn a_key_over_the_limit() {
    let fixture = Fixture::new().await;
    let db = &fixture.db;
    db.run("DEFINE TABLE page; DEFINE INDEX url ON page FIELDS url").await.unwrap();
    let long = "x".repeat(kv_api::MAX_KEY_BYTES);
    let error = db.run(&format!("CREATE page:1 SET url = '{long}'")).await.err().unwrap().to_string();
    assert!(error.contains("key being inserted is too large"), "{error}");
    db.run("CREATE page:2 SET url = 'short'").await.unwrap();
    let found = db.run("SELECT VALUE id FROM page WHERE url = 'short'").await.unwrap();
    assert_eq!(found.to_sql(), "[page:2]");
}

#[tokio::test]
async fn a_version_where_there_are_none() {
    let fixture = Fixture::with("?versioned=false").await;
    let db = &fixture.db;
    db.run("CREATE thing:1").await.unwrap();
    let error = db.run("SELECT * FROM thing VERSION d'2024-01-01T00:00:00Z'").await.err().unwrap().to_string();
    assert!(error.contains("does not support versioned queries"), "{error}");
    assert_eq!(db.run("SELECT VALUE id FROM thing").await.unwrap().to_sql(), "[thing:1]");
}
