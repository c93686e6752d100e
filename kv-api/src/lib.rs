//! The contract of a transactional, ordered, versioned key-value store.
//!
//! A backend implements [`Transactable`] and [`Datastore`]; everything above a store is written against
//! these two and knows no backend. Keys and values are [`bytes::Bytes`], keys order bytewise.
//!
//! | you want to | look at |
//! |---|---|
//! | read and write in a transaction | [`Transactable`] |
//! | open transactions, shut a store down | [`Datastore`] |
//! | know what a backend promises | [`Capabilities`] |
//! | handle a failure | [`Error`], [`ErrorKind`], [`retry`] |
//! | work with time travel | [`Version`], [`MvccSource`] |
//! | keep a version for as long as it is needed | [`Datastore::tag`], [`Tag`] |
//! | follow the commits of a store | [`ChangeFeed`] |
//!
//! # Example
//!
//! Code above a store takes `&dyn Datastore`, and [`retry`]s what conflicts with others:
//!
//! ```
//! use kv_api::{Datastore, Result, TransactionOptions, retry};
//!
//! /// Moves an amount from one account to another.
//! async fn pay(store: &dyn Datastore, from: &'static [u8], to: &'static [u8], amount: u64) -> Result<()> {
//!     retry(store, TransactionOptions::write(), |tx| async move {
//!         for (account, change) in [(from, amount.wrapping_neg()), (to, amount)] {
//!             let old = tx.get(account, None).await?;
//!             let old = old.and_then(|v| v.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes);
//!             let new = old.wrapping_add(change);
//!             tx.set(account.into(), new.to_be_bytes().to_vec().into()).await?;
//!         }
//!         Ok(())
//!     })
//!     .await
//! }
//! ```

mod capability;
mod change;
mod datastore;
mod error;
mod giving_way;
mod provided;
mod range;
mod retry;
mod scan;
mod statistics;
mod tag;
mod transaction;
mod version;

pub use capability::{Capabilities, Durability, Isolation};
pub use change::{ChangeFeed, ChangeFilter, change_schema};
pub use datastore::{Datastore, TransactionOptions, TransactionType};
pub use error::{Error, ErrorKind, Result};
pub use range::KeyRange;
pub use retry::retry;
pub use scan::{ArrowBatch, Batch, Direction, LimitCounter, ScanLimit, scan_schema};
pub use statistics::{Figure, FigureKind, Statistics};
pub use tag::{MAX_TAG_NAME_BYTES, Tag, check_tag_name};
pub use transaction::{
    ESTIMATE_SLACK, MAX_KEY_BYTES, MAX_VALUE_BYTES, Transactable, check_batch, check_key, check_parts, check_value,
};
pub use version::{CounterSource, HybridClock, MvccSource, Version};

/// A key: any bytes, the empty key included, up to [`MAX_KEY_BYTES`].
pub type Key = bytes::Bytes;

/// A value: any bytes, the empty value included, up to [`MAX_VALUE_BYTES`]. A read hands out a slice of
/// the block it came from; keeping a small value alive keeps its block alive.
pub type Val = bytes::Bytes;

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
