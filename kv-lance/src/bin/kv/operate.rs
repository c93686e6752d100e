//! `kv flush` and `kv compact`.

use crate::args::Compact;
use crate::failure::Outcome;
use crate::output::{Output, show_time};
use crate::session::{Store, with_store};
use kv_api::Datastore;
use kv_lance::CompactOptions;
use serde_json::json;
use std::time::Instant;

pub(crate) async fn flush(store: Store<'_>, out: &mut Output) -> Outcome {
    with_store(store, async |store| {
        let start = Instant::now();
        store.flush().await?;
        let took = start.elapsed();
        Ok(out.say(format!("flushed in {}", show_time(took)), json!({ "seconds": took.as_secs_f64() }))?)
    })
    .await
}

pub(crate) async fn compact(store: Store<'_>, args: &Compact, out: &mut Output) -> Outcome {
    with_store(store, async |store| {
        let start = Instant::now();
        if args.no_history {
            store.compact_with(CompactOptions::no_history()).await?;
        } else {
            store.compact().await?;
        }
        let took = start.elapsed();
        Ok(out.say(format!("compacted in {}", show_time(took)), json!({ "seconds": took.as_secs_f64() }))?)
    })
    .await
}
