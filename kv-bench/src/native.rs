//! An engine as its own documentation calls it, without the trait of `kv_api`: what is left of a difference between the two
//! is the price of the trait and its adapter.

use crate::engine::Opening;
use async_trait::async_trait;
use kv_api::Result;
use std::pin::Pin;
use std::sync::Arc;

/// A store that is called natively.
#[async_trait]
pub trait Native: Send + Sync {
    /// A view of the store as of now, which a client that only reads keeps.
    ///
    /// # Errors
    /// What the engine says.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;

    /// Overwrites one row in a transaction of its own, and returns when the engine acknowledges it. An engine whose commits
    /// are not asynchronous blocks its thread.
    ///
    /// # Errors
    /// What the engine says; a conflict as [`TransactionConflict`](kv_api::Error::TransactionConflict).
    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()>;

    /// Closes the store. Every reader has been dropped.
    ///
    /// # Errors
    /// What the engine says.
    async fn shutdown(&self) -> Result<()>;
}

/// See [`Native::reader`].
pub trait Reader {
    /// Bytes of the value of `key`, all of which were at hand; `None` where there is none.
    ///
    /// # Errors
    /// What the engine says.
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>>;

    /// How many rows there are from `start` on, up to `count`. Key and value of each were at hand.
    ///
    /// # Errors
    /// What the engine says.
    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32>;
}

/// A native store that will be open.
pub type OpenedNative = Pin<Box<dyn Future<Output = Result<Arc<dyn Native>>> + Send>>;

/// Opens an engine natively, by the name that it has behind the trait and over the files that it wrote there; `None` for one that this
/// worker does not have.
pub type OpenNative = fn(name: &str, opening: Opening) -> Option<OpenedNative>;
