//! Rows and an index of their values, written together.

use super::crowd::{crowd, until_committed};
use crate::case::mixed;
use crate::fixture::{Failure, Tx, Verdict, b, text};
use crate::isolation::script::Script;
use kv_api::KeyRange;
use std::collections::BTreeSet;
use std::sync::Arc;

const ROWS: u64 = 12;
const TIMES: usize = 20;

/// Gives a row another colour, or takes it away.
async fn paint(script: Script, writer: usize, n: usize) -> Verdict {
    let drawn = mixed((writer * 1000 + n) as u64);
    let (id, colour) = (drawn % ROWS, (drawn >> 8) % 5);
    let row = format!("row{id}");
    until_committed(&script, async |tx: Arc<Tx>| {
        let old = tx.val(&row).await?;
        if old != "-" {
            tx.del(b(&format!("by-{old}-{id}"))).await?;
        }
        match colour {
            0 => tx.del(b(&row)).await?,
            colour => tx.apply(&format!("{row}=c{colour} by-c{colour}-{id}=1")).await?,
        }
        Ok(())
    })
    .await?;
    Ok(())
}

async fn agrees(tx: Tx) -> Verdict {
    let rows = tx.rows(KeyRange::prefix("row")).await?;
    tokio::task::yield_now().await;
    let index = tx.keysr(KeyRange::prefix("by-"), u32::MAX.into(), 0, None).await?;
    let expected: BTreeSet<String> =
        rows.iter().map(|(key, val)| format!("by-{}-{}", text(val), text(key).trim_start_matches("row"))).collect();
    let found: BTreeSet<String> = index.iter().map(|key| text(key)).collect();
    if expected != found {
        let odd: Vec<&String> = expected.symmetric_difference(&found).collect();
        return Err(Failure::new(format!("rows and index differ in {odd:?}")));
    }
    Ok(())
}

pub(super) async fn index_agrees_with_its_rows(script: Script) -> Verdict {
    script.store.given("row0=c1 by-c1-0=1").await?;
    crowd(&script, TIMES, paint, agrees).await
}
