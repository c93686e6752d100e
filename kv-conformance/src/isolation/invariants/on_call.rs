//! Doctors of whom one must be on call: the invariant that write skew breaks (Cahill, Röhm and Fekete, 2008).

use super::crowd::{crowd, until_committed};
use crate::fixture::{Failure, Store, Tx, Verdict};
use crate::isolation::script::Script;
use kv_api::KeyRange;
use std::sync::Arc;

const TIMES: usize = 25;

async fn on_call(tx: &Tx) -> kv_api::Result<usize> {
    tx.rows(KeyRange::prefix("doctor")).await.map(|rows| rows.iter().filter(|(_, val)| val == "on").count())
}

/// The writer's doctor goes off call, as soon as there is another, and comes back.
async fn turn(script: Script, writer: usize, _: usize) -> Verdict {
    let own = format!("doctor{writer}");
    until_committed(&script, async |tx: Arc<Tx>| {
        let off = tx.val(&own).await? == "off";
        if off || on_call(&tx).await? > 1 {
            tokio::task::yield_now().await;
            tx.give(&own, if off { "on" } else { "off" }).await?;
        }
        Ok(())
    })
    .await?;
    Ok(())
}

pub(super) async fn somebody_is_on_call(store: Store) -> Verdict {
    let script = Script::serializable(store);
    script.store.given("doctor0=on doctor1=on doctor2=on doctor3=on").await?;
    let check = |tx: Tx| async move {
        match on_call(&tx).await? {
            0 => Err(Failure::new("nobody is on call")),
            _ => Ok(()),
        }
    };
    crowd(&script, TIMES, turn, check).await
}
