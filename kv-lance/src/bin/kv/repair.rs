//! `kv repair`.

use crate::args;
use crate::failure::{DAMAGED, Failure, Outcome};
use crate::format::Format;
use crate::output::{Output, show_time};
use crate::session::existing;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use kv_api::Key;
use kv_lance::{LanceConfig, Loss, RepairOptions};
use serde_json::{Value, json};
use std::ops::Bound;
use std::time::Instant;

pub(crate) async fn repair(store: &Option<String>, args: &args::Repair, out: &mut Output) -> Outcome {
    let damaged = if args.damaged.is_some() { &args.damaged } else { store };
    let (config, into) = (existing(damaged)?, LanceConfig::from_url(&args.into)?);
    let options = RepairOptions::default().strict(args.strict);
    let (start, bar) = (Instant::now(), bar());
    let repaired = kv_lance::repair(&config, &into, &options, |rows, of| {
        bar.set_length(of);
        bar.set_position(rows);
    });
    let repaired = repaired.await;
    bar.finish_and_clear();
    let (repaired, took) = (repaired?, start.elapsed());
    for loss in &repaired.losses {
        let (text, object) = say(loss, out.format);
        out.say(text, object)?;
    }
    let (count, doubtful, path) = (repaired.losses.len(), repaired.doubtful, into.path().display());
    let verdict = match (count, args.strict) {
        (0, _) => "nothing was damaged".to_owned(),
        (_, true) => format!("damaged, {count} times; left out, because a newer value may be lost: {doubtful} keys"),
        (_, false) => format!("damaged, {count} times; saved, although a newer value may be lost: {doubtful} keys"),
    };
    let size = HumanBytes(repaired.bytes);
    out.say(
        format!("{verdict}\nsaved {} keys, {size}, in {path}, in {}", repaired.keys, show_time(took)),
        json!({
            "saved": repaired.keys, "bytes": repaired.bytes, "commits": repaired.commits, "damaged": count,
            "doubtful": doubtful, "strict": args.strict, "into": path.to_string(), "seconds": took.as_secs_f64(),
        }),
    )?;
    out.flush()?;
    if count == 0 { Ok(()) } else { Err(Failure::Said(DAMAGED)) }
}

/// On the standard error where that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {human_pos}/{human_len} rows, eta {eta}";
    // A template that does not parse would only cost the looks.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// A loss as a line and as an object.
fn say(loss: &Loss, format: Format) -> (String, Value) {
    let path = loss.path.display().to_string();
    let mut text = format!("{path}: {}", loss.what);
    let keys = loss.keys.as_ref().map(|(start, end)| json!({ "from": json(start, format), "to": json(end, format) }));
    if let Some(rows) = loss.rows {
        text.push_str(&format!("; rows that cannot be read: {rows}"));
    }
    match &loss.keys {
        None => text.push_str("; no newest value is lost by it"),
        Some((start, end)) => {
            let bound = |bound: &Bound<Key>, open: &str| match bound {
                Bound::Unbounded => open.to_owned(),
                Bound::Included(key) | Bound::Excluded(key) => format!("'{}'", format.line(key)),
            };
            let (start_text, end_text) = (bound(start, "the first key"), bound(end, "the last"));
            text.push_str(&format!(
                "; between {start_text} and {end_text}; keys that are doubtful by it: {}",
                loss.doubtful
            ));
        }
    }
    let mut object = json!({ "path": path, "damage": loss.what, "rows": loss.rows, "doubtful": loss.doubtful });
    if let (Some(object), Some(keys)) = (object.as_object_mut(), keys) {
        object.insert("keys".into(), keys);
    }
    (text, object)
}

/// `null` where a range has no bound.
fn json(bound: &Bound<Key>, format: Format) -> Value {
    match bound {
        Bound::Unbounded => Value::Null,
        Bound::Included(key) => json!({ "key": format.json(key), "included": true }),
        Bound::Excluded(key) => json!({ "key": format.json(key), "included": false }),
    }
}
