//! A tour of SurrealDB on kv-lance: `cargo run --features core,mem,surrealkv --example surreal
//! [path]`.
//!
//! Every step checks its answer; the first that is not as expected ends the tour with an error.
//! With a path the store stays there, and beside it a file of what pylance has to find in it.

// What an optimised build of SurrealDB's futures asks for.
#![recursion_limit = "256"]

mod database;
mod rows;
mod steps;

use database::{Database, Outcome};

#[tokio::main]
async fn main() -> Outcome<()> {
    // Kept until the end where no path is given.
    let folder = tempfile::tempdir()?;
    let path = std::env::args().nth(1).unwrap_or_else(|| folder.path().join("store").display().to_string());
    let url = format!("lance:{path}?retention=30d");
    println!("SurrealDB on {url}");
    let db = Database::open(&url).await?;
    steps::schema(&db).await?;
    steps::records(&db).await?;
    steps::graph(&db).await?;
    steps::live(&db).await?;
    steps::version(&db).await?;
    steps::changes(&db).await?;
    steps::full_text(&db).await?;
    steps::vectors(&db).await?;
    steps::conflicts(&db).await?;
    steps::expunge(&db).await?;
    db.close().await?;
    let db = Database::open(&url).await?;
    steps::reopened(&db).await?;
    db.close().await?;
    let count = rows::write(&url, &path).await?;
    println!("every step answered as expected; the table has {count} keys");
    if std::env::args().len() > 1 {
        println!("scripts/surreal-pylance {path} opens it with pylance and compares");
    }
    Ok(())
}
