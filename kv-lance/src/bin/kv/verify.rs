//! `kv verify`.

use crate::failure::{DAMAGED, Failure, Outcome};
use crate::output::{Output, show_time};
use kv_lance::{LanceConfig, Verified};
use serde_json::json;
use std::time::Instant;

pub(crate) async fn verify(config: LanceConfig, out: &mut Output) -> Outcome {
    let start = Instant::now();
    let found = kv_lance::verify(&config).await?;
    let took = start.elapsed();
    for damage in &found.damage {
        let path = damage.path.display().to_string();
        out.say(format!("{path}: {}", damage.what), json!({ "path": path, "damage": damage.what }))?;
    }
    let Verified { runs, blocks, rows, segments, commits, .. } = found;
    let count = found.damage.len();
    let verdict = if count == 0 { "sound".to_owned() } else { format!("damaged, {count} times") };
    out.say(
        format!(
            "{verdict}: read {runs} runs with {rows} rows in {blocks} blocks, and {commits} commits in {segments} journal \
             segments, in {}",
            show_time(took)
        ),
        json!({
            "sound": count == 0, "damaged": count, "runs": runs, "blocks": blocks, "rows": rows, "segments": segments,
            "commits": commits, "seconds": took.as_secs_f64(),
        }),
    )?;
    out.flush()?;
    if count == 0 { Ok(()) } else { Err(Failure::Said(DAMAGED)) }
}
