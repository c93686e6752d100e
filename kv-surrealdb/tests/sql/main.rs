//! SurrealQL on kv-lance: what a single statement does not show.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "asserting is what tests are for")]

mod bad_input;
mod conflicts;
#[path = "../../examples/surreal/database.rs"]
#[allow(dead_code, reason = "more of it is used where it is from")]
mod database;
mod differential;
mod events;
#[path = "../../../kv-lance/tests/store/faulty.rs"]
#[allow(dead_code, reason = "more of it is used where it is from")]
mod faulty;
mod full_disk;
mod kill;

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
        let url = url(&folder, parameters);
        Self::at(folder, &url).await
    }

    /// On a backend of SurrealDB's own.
    async fn of(scheme: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match scheme {
            "mem" => scheme.to_owned(),
            scheme => format!("{scheme}:{}", folder.path().join("store").display()),
        };
        Self::at(folder, &url).await
    }

    async fn at(folder: tempfile::TempDir, url: &str) -> Self {
        let db = Database::open(url).await.unwrap();
        db.run("DEFINE NAMESPACE tour; USE NS tour; DEFINE DATABASE tour").await.unwrap();
        Self { db, folder }
    }
}

fn url(folder: &tempfile::TempDir, parameters: &str) -> String {
    format!("lance:{}{parameters}", folder.path().join("store").display())
}
