//! What kv-lance itself finds in the store, for whoever opens it with something else.

use crate::database::Outcome;
use kv_api::{Datastore as _, Direction, KeyRange, TransactionOptions};
use kv_lance::{LanceConfig, LanceDatastore};
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// Writes all that commits have made into the table, and each key with its value, in hexadecimal
/// digits, as a line of `path` with `.rows` behind it. Returns how many there are.
pub(crate) async fn write(url: &str, path: &str) -> Outcome<usize> {
    let store = LanceDatastore::open(LanceConfig::from_url(url)?).await?;
    store.flush().await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    let mut lines = String::new();
    let mut show = |key: &[u8], val: &[u8]| {
        lines.push_str(&format!("{}\t{}\n", hex(key), hex(val)));
        ControlFlow::Continue(())
    };
    tx.visit(KeyRange::all(), Direction::Forward, None, true, &mut show).await?;
    tx.cancel().await?;
    store.shutdown().await?;
    std::fs::write(format!("{path}.rows"), &lines)?;
    Ok(lines.lines().count())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
