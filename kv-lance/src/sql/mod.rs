//! SQL over what a transaction sees, by DataFusion.
//!
//! [`session`] makes a DataFusion session of a [`LanceTransaction`]. It has the table `kv` with the columns `key: Binary`,
//! `val: Binary` and `version: UInt64`: what the transaction's snapshot holds, in memory or in files, and over it the
//! transaction's own writes, whose `version` is null as they have none yet. Nothing is exported or flushed for it. A query
//! reads one point in time, however long it takes, and what it has read counts for a
//! [serializable](kv_api::Isolation::Serializable) transaction like any other read.
//!
//! `kv_at(version)` and `kv_at('2026-04-01T12:00:00Z')` are that table as it was, without the transaction's writes.
//!
//! [`history`](HistoryTable) has every version of every key that is retained, and [`changes(since)`](ChangesTable) or
//! `changes(since, until)` the commits after a version, in their order, as a [change feed](kv_api::ChangeFeed) has them. Both
//! end with the transaction's snapshot, and are read as they are handed out.
//!
//! [Functions and operators](register_json_functions) look into values that are JSON: `val ->> 'city'`, `val -> 'tags' -> 0`,
//! `json_get_int(val, 'age')`.
//!
//! A [`View`] is a table of its own for the keys of one form, whose parts become columns, as do the values, by a [`Decoder`]
//! such as [`Json`].
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use kv_api::{Datastore, Transactable, TransactionOptions};
//! use kv_lance::{LanceConfig, LanceDatastore, sql};
//! use std::sync::Arc;
//!
//! let dir = tempfile::tempdir().unwrap();
//! let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
//! let tx = Arc::new(store.transaction(TransactionOptions::write())?);
//! for (city, country) in [("Bergen", "NO"), ("Oslo", "NO"), ("Lund", "SE")] {
//!     let val = format!(r#"{{"country": "{country}", "twinned": []}}"#);
//!     tx.set(format!("city/{city}").into(), val.into()).await?;
//! }
//!
//! let session = sql::session(tx)?;
//! let counts = "SELECT val ->> 'country' AS country, count(*) AS n FROM kv WHERE key LIKE 'city/%'
//!     GROUP BY country ORDER BY n DESC";
//! let batches = session.sql(counts).await?.collect().await?;
//! let table = sql::datafusion::arrow::util::pretty::pretty_format_batches(&batches)?.to_string();
//! assert!(table.contains("| NO      | 2 |"), "{table}");
//! store.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What is pushed down
//! - Columns: a value that no one asks for is not read.
//! - Predicates on `key` alone become ranges of keys, and no row outside of them is looked at: `=`, `<>`, `<`, `<=`, `>`,
//!   `>=`, `BETWEEN`, `IN` and `LIKE 'prefix%'`, joined by `AND`, `OR` and `NOT`; the same and `starts_with` on
//!   `CAST(key AS VARCHAR)`. Other patterns of `LIKE` limit the range by what comes before the first wildcard.
//! - `LIMIT`; `ORDER BY key`, in both directions, without a sort.
//! - `count(*)`, which is counted by blocks and reads no row.
//!
//! Large scans are divided by key ranges among as many tasks as the session has `target_partitions`.

mod at;
mod changes;
mod columns;
mod error;
mod exec;
mod history;
mod json;
mod point;
mod predicate;
mod ranges;
mod scan;
mod table;
mod versions;
mod view;

pub use changes::ChangesTable;
pub use datafusion;
pub use history::HistoryTable;
pub use json::register_json_functions;
pub use table::KvTable;
pub use view::{Decoder, Json, Undecodable, View, ViewTable};
#[cfg(any(feature = "cbor", feature = "msgpack"))]
pub use view::{Encoding, Maps};

use crate::LanceTransaction;
use at::KvAt;
use changes::ChangesFunction;
use datafusion::error::Result;
use datafusion::execution::context::{SessionConfig, SessionContext};
use std::sync::Arc;

/// Returns a session whose table `kv` is what `tx` sees, with `history`, `kv_at` and `changes`, and functions for JSON.
///
/// For settings of one's own, register [`KvTable`], [`HistoryTable`] and [`ChangesTable`] with a session of one's own, and
/// [`register_json_functions`] there.
///
/// # Errors
/// Those of DataFusion's catalog; none are expected.
pub fn session(tx: Arc<LanceTransaction>) -> Result<SessionContext> {
    let mut session = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    register_json_functions(&mut session)?;
    session.register_udtf("kv_at", Arc::new(KvAt::new(tx.clone())));
    session.register_udtf("changes", Arc::new(ChangesFunction::new(tx.clone())));
    session.register_table("history", Arc::new(HistoryTable::new(tx.clone())))?;
    session.register_table("kv", Arc::new(KvTable::new(tx)))?;
    Ok(session)
}
