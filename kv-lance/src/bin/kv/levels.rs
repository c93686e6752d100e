//! `kv levels`: how the table lies on its levels.

use crate::args::Levels;
use crate::failure::Outcome;
use crate::format::Format;
use crate::output::Output;
use crate::session::{Store, with_store};
use kv_api::Key;
use kv_lance::{LevelInfo, RunInfo};
use serde_json::{Value, json};

/// So much of a key is printed for a person.
const KEY_WIDTH: usize = 40;

pub(crate) async fn levels(store: Store<'_>, args: &Levels, out: &mut Output) -> Outcome {
    let levels = with_store(store, async |store| Ok(store.levels())).await?;
    let format = out.format;
    let rows: Vec<Row> = match args.runs {
        true => levels.iter().flat_map(|level| level.runs.iter().map(|run| Row::of_run(level, run, format))).collect(),
        false => levels.iter().map(|level| Row::of_level(level, format)).collect(),
    };
    if !format.json {
        let second = if args.runs { "file" } else { "runs" };
        let width = rows.iter().map(|row| row.second.len()).max().unwrap_or(0).max(second.len());
        let (rows_, tombstones, bytes) = ("rows", "tombstones", "bytes");
        out.line(format!("level  {second:>width$}  {rows_:>12}  {tombstones:>12}  {bytes:>15}  keys"))?;
        for Row { level, second, rows, tombstones, bytes, keys, .. } in &rows {
            out.line(format!("{level:>5}  {second:>width$}  {rows:>12}  {tombstones:>12}  {bytes:>15}  {keys}"))?;
        }
        return Ok(());
    }
    for row in rows {
        out.line(row.object.to_string())?;
    }
    Ok(())
}

/// A level or a run, for a person and for a program.
struct Row {
    level: u32,
    /// How many runs the level has, or the file of the run.
    second: String,
    rows: u64,
    tombstones: u64,
    bytes: u64,
    keys: String,
    object: Value,
}

impl Row {
    fn of_level(level: &LevelInfo, format: Format) -> Self {
        let bounds = level.key_bounds();
        Self {
            level: level.level,
            second: level.runs.len().to_string(),
            rows: level.rows(),
            tombstones: level.tombstones(),
            bytes: level.bytes(),
            keys: bounds.map_or("none".into(), |(first, last)| span(first, last, format)),
            object: json!({
                "level": level.level,
                "runs": level.runs.len(),
                "rows": level.rows(),
                "tombstones": level.tombstones(),
                "bytes": level.bytes(),
                "first_key": bounds.map(|(first, _)| format.json(first)),
                "last_key": bounds.map(|(_, last)| format.json(last)),
            }),
        }
    }

    fn of_run(level: &LevelInfo, run: &RunInfo, format: Format) -> Self {
        Self {
            level: level.level,
            second: run.file.clone(),
            rows: run.rows,
            tombstones: run.tombstones,
            bytes: run.bytes,
            keys: span(&run.first_key, &run.last_key, format),
            object: json!({
                "level": level.level,
                "file": run.file,
                "rows": run.rows,
                "keys": run.keys,
                "tombstones": run.tombstones,
                "bytes": run.bytes,
                "first_key": format.json(&run.first_key),
                "last_key": format.json(&run.last_key),
                "oldest_version": run.oldest_version,
                "newest_version": run.newest_version,
            }),
        }
    }
}

/// The first and the last key, on a line.
fn span(first: &Key, last: &Key, format: Format) -> String {
    format!("{} .. {}", shortened(first, format), shortened(last, format))
}

fn shortened(key: &Key, format: Format) -> String {
    let text = format.line(key);
    match text.char_indices().nth(KEY_WIDTH) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}
