//! SurrealDB on kv-lance: a storage backend for the connection paths that begin with `lance:`.
//!
//! | you want to | look at |
//! |---|---|
//! | run SurrealDB on kv-lance | `LanceComposer`, with the feature `core` |
//! | run its server, with its command line | `serve`, with the feature `server` |
//! | register the scheme with backends of your own | [`LanceProvider`] |
//! | put another store of [`kv_api`] under SurrealDB | [`StoreBuilder`] |
//!
//! It is built against the 3.3.5 crates of SurrealDB, which say of themselves that any patch may
//! break their interface, so they are pinned. They are under the Business Source License 1.1; this
//! crate is not, and nothing in it is theirs. `docs/surrealdb.md` says what that means, and what
//! has been tested.

mod builder;
#[cfg(feature = "core")]
mod composer;
mod config;
mod cursor;
mod error;
mod metrics;
mod provider;
mod range;
#[cfg(feature = "server")]
mod server;
mod stamp;
mod transaction;
mod walk;

pub use builder::StoreBuilder;
#[cfg(feature = "core")]
pub use composer::LanceComposer;
pub use provider::LanceProvider;
#[cfg(feature = "server")]
pub use server::serve;
