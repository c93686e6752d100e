//! The engines that are in this binary.

use crate::original::Original;
use crate::table;
use kv_api::Datastore;
use kv_bench::engine::{Opened, Opening};
use kv_bench::worker::Engines;
use kv_bench::workload::Durability;
use kv_lance::{LanceConfig, LanceDatastore};
use std::sync::Arc;

/// They are measured through the trait, and kv-lance as a table too.
pub(crate) const ENGINES: Engines = Engines { open, native: |_, _| None, table: table::open };

/// Opens the engine of a name, where it is one of this binary's.
fn open(name: &str, opening: Opening) -> Option<Opened> {
    match name {
        "kv-lance" => Some(lance(opening, true)),
        "kv-lance-unversioned" => Some(lance(opening, false)),
        "original" => Some(Box::pin(async move {
            let store = Original::open(&opening.dir).await?;
            Ok(Arc::new(store) as Arc<dyn Datastore>)
        })),
        _ => None,
    }
}

fn lance(opening: Opening, versioned: bool) -> Opened {
    Box::pin(async move {
        let store = LanceDatastore::open(config(opening, versioned)).await?;
        Ok(Arc::new(store) as Arc<dyn Datastore>)
    })
}

pub(crate) fn config(opening: Opening, versioned: bool) -> LanceConfig {
    let durability = match opening.durability {
        Durability::Immediate => kv_lance::Durability::Immediate,
        Durability::Eventual => kv_lance::Durability::Eventual,
    };
    LanceConfig::new(opening.dir).durability(durability).cache_bytes(opening.cache_bytes).versioned(versioned)
}
