//! The engines without the trait and its adapters, as their own documentation calls them: over the files that the adapters wrote,
//! with the same options.

mod fjall;
mod lmdb;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod surrealkv;

use crate::tuning;
use kv_api::Error;
use kv_bench::engine::Opening;
use kv_bench::native::{Native, OpenedNative};
use std::hint::black_box;
use std::sync::Arc;

/// The smallest page of memory of the systems that this runs on.
const PAGE: usize = 4096;

/// The engine called `name`; see [`kv_bench::native::OpenNative`].
pub(crate) fn open(name: &str, opening: Opening) -> Option<OpenedNative> {
    let tuning = tuning(&opening);
    let dir = opening.dir;
    match name {
        "fjall" => Some(Box::pin(async move { fjall::Fjall::open(dir, tuning).map(boxed) })),
        "lmdb" => Some(Box::pin(async move { lmdb::Lmdb::open(dir, tuning).map(boxed) })),
        "redb" => Some(Box::pin(async move { redb::Redb::open(dir, tuning).map(boxed) })),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Some(Box::pin(async move { rocksdb::Rocks::open(dir, tuning).map(boxed) })),
        "surrealkv" => Some(Box::pin(async move { surrealkv::Surreal::open(dir, tuning).await.map(boxed) })),
        _ => None,
    }
}

fn boxed(native: impl Native + 'static) -> Arc<dyn Native> {
    Arc::new(native)
}

/// Length of `bytes`, of which every page has been looked at: of a file that is mapped, nothing is read before.
fn touched(bytes: &[u8]) -> usize {
    for page in bytes.chunks(PAGE) {
        black_box(page.first());
    }
    black_box(bytes.last());
    black_box(bytes).len()
}

fn conflict(engine: &str) -> Error {
    Error::conflict(format!("{engine} refused the commit"))
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::backend("calling the engine", error)
}

#[cfg(test)]
mod tests;
