//! SurrealQL on kv-lance: what a single statement does not show.

#![allow(clippy::unwrap_used, clippy::panic, reason = "asserting is what tests are for")]

mod bad_input;
mod conflicts;
#[path = "../../examples/surreal/database.rs"]
mod database;
mod events;
#[path = "../../../kv-lance/tests/store/faulty.rs"]
#[allow(dead_code, reason = "more of it is used where it is from")]
mod faulty;
mod full_disk;

use database::Database;

/// A database in a folder of its own, which goes with it.
struct Fixture {
    db: Database,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With parameters of the path, as in `?versioned=false`.
    async fn with(parameters: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&url(&folder, parameters)).await.unwrap();
        db.run("DEFINE NAMESPACE tour; USE NS tour; DEFINE DATABASE tour").await.unwrap();
        Self { db, folder }
    }
}

fn url(folder: &tempfile::TempDir, parameters: &str) -> String {
    format!("lance:{}{parameters}", folder.path().join("store").display())
}
