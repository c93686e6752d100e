//! Nodes that point at each other in a ring, and writers that swap neighbours.

use super::crowd::{crowd, until_committed};
use crate::case::mixed;
use crate::fixture::{Failure, Mismatch, Tx, Verdict, b, text};
use crate::isolation::script::Script;
use kv_api::KeyRange;
use std::collections::BTreeMap;
use std::sync::Arc;

const NODES: usize = 8;
const TIMES: usize = 20;

fn node(n: usize) -> String {
    format!("node{}", n % NODES)
}

async fn after(tx: &Tx, node: &str) -> Result<String, Mismatch> {
    match tx.val(node).await?.as_str() {
        "-" => Err(Mismatch(format!("'{node}' points nowhere"))),
        next => Ok(next.to_owned()),
    }
}

/// Makes a → b → c → d into a → c → b → d.
async fn swap(script: Script, writer: usize, n: usize) -> Verdict {
    let start = node(mixed((writer * 1000 + n) as u64) as usize % NODES);
    until_committed(&script, async |tx: Arc<Tx>| {
        let second = after(&tx, &start).await?;
        let third = after(&tx, &second).await?;
        let fourth = after(&tx, &third).await?;
        for (from, to) in [(&start, &third), (&third, &second), (&second, &fourth)] {
            tx.set(b(from), b(to)).await?;
        }
        Ok(())
    })
    .await?;
    Ok(())
}

async fn is_a_ring(tx: Tx) -> Verdict {
    let mut current = node(0);
    let mut points = BTreeMap::new();
    for _ in 0..NODES {
        let next = after(&tx, &current).await?;
        points.insert(current, next.clone());
        current = next;
        tokio::task::yield_now().await;
    }
    let scanned: BTreeMap<String, String> =
        tx.rows(KeyRange::prefix("node")).await?.iter().map(|(key, val)| (text(key), text(val))).collect();
    if current != node(0) || points.len() != NODES {
        return Err(Failure::new(format!("no ring of {NODES}: {points:?}")));
    }
    if scanned != points {
        return Err(Failure::new(format!("scanned as {scanned:?}, and read one by one as {points:?}")));
    }
    Ok(())
}

pub(super) async fn ring_stays_a_ring(script: Script) -> Verdict {
    let rows: Vec<String> = (0..NODES).map(|n| format!("{}={}", node(n), node(n + 1))).collect();
    script.store.given(&rows.join(" ")).await?;
    crowd(&script, TIMES, swap, is_a_ring).await
}
