//! Live queries: what a range of keys holds, and then everything that happens to it.
//!
//! [`LiveQueries`] works over any [`Datastore`](kv_api::Datastore) that declares a change feed. Each [`Subscription`]
//! gives the rows of a [`LiveQuery`] at one version, and after those every commit that changes them, in commit order, with
//! what the values were before: nothing twice, and nothing missed.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use kv_api::{Datastore, Transactable, TransactionOptions};
//! use kv_live::{Change, LiveQueries, LiveQuery, Update};
//! use std::sync::Arc;
//! # use kv_conformance::Reference as Store;
//!
//! async fn set(store: &dyn Datastore, key: &'static str, val: &'static str) -> kv_api::Result<()> {
//!     let tx = store.begin(TransactionOptions::write()).await?;
//!     tx.set(key.into(), val.into()).await?;
//!     tx.commit().await
//! }
//!
//! let store: Arc<dyn Datastore> = Arc::new(Store::new());
//! set(&*store, "room/kitchen", "21.5").await?;
//!
//! let live = LiveQueries::new(store.clone());
//! let mut rooms = live.subscribe(LiveQuery::prefix("room/")).await?;
//! set(&*store, "room/kitchen", "22.0").await?;
//! set(&*store, "street/lamp", "on").await?;
//! set(&*store, "room/hall", "19.0").await?;
//!
//! let mut lines = Vec::new();
//! while lines.len() < 4 {
//!     match rooms.next().await? {
//!         Update::Rows(rows) => lines.push(format!("{} rows", rows.len())),
//!         Update::Current { .. } => lines.push("and now:".into()),
//!         Update::Commit(commit) => lines.extend(commit.events.iter().map(|event| match &event.change {
//!             Change::Inserted { new } => format!("{:?} = {new:?}", event.key),
//!             Change::Updated { old, new } => format!("{:?}: {old:?} -> {new:?}", event.key),
//!             other => format!("{:?}: {other:?}", event.key),
//!         })),
//!     }
//! }
//! assert_eq!(lines[..2], ["1 rows", "and now:"]);
//! assert_eq!(lines[2], r#"b"room/kitchen": b"21.5" -> b"22.0""#);
//! assert_eq!(lines[3], r#"b"room/hall" = b"19.0""#);
//! # Ok::<(), kv_api::Error>(())
//! # }).unwrap();
//! ```
//!
//! # What it costs
//! All subscriptions share one feed, which is there as long as any of them is. Each changed row is looked up in a tree of
//! their ranges and copied once, into the queues of those that it is for: a commit costs the logarithm of the number of
//! subscriptions for each row, and what it has to tell. The others are not woken.
//!
//! A queue is [bounded](LiveQuery::queue). One that is full is given up, and its subscription, once it has read what is
//! there, reads the rest from a feed of its own until it has caught up: whoever is slow holds neither commits nor other
//! subscriptions, and what they cost is paid where they are polled.
//!
//! [Old values](Contents::OldAndNew) are read as they were before each commit, by the subscription that asks for them: a
//! transaction for each commit, and a read of the past for each of its keys.

mod catch_up;
mod events;
mod intervals;
mod live;
mod query;
mod queue;
mod router;
mod rows;
mod snapshot;
mod subscription;
mod update;

pub use live::LiveQueries;
pub use query::{Contents, LiveQuery};
pub use subscription::Subscription;
pub use update::{Change, Commit, Event, Row, Update};

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
