//! `kv levels`: how the table lies on its levels.

use crate::args::Levels;
use crate::failure::Outcome;
use crate::format::Format;
use crate::output::Output;
use crate::session::{Store, with_store};
use kv_api::Key;
use kv_lance::RunInfo;
use serde_json::{Value, json};

/// So much of a key is printed for a person.
const KEY_WIDTH: usize = 40;

pub(crate) async fn levels(store: Store<'_>, args: &Levels, out: &mut Output) -> Outcome {
    let (levels, history) = with_store(store, async |store| Ok((store.levels(), store.history()))).await?;
    let places = levels.iter().map(|level| (Place::Level(level.level), level.runs.as_slice()));
    let history = (!history.is_empty()).then_some((Place::History, history.as_slice()));
    let format = out.format;
    let rows: Vec<Row> = places
        .chain(history)
        .flat_map(|(place, runs)| match args.runs {
            true => runs.iter().map(|run| Row::of_run(place, run, format)).collect(),
            false => vec![Row::of_runs(place, runs, format)],
        })
        .collect();
    if !format.json {
        let second = if args.runs { "file" } else { "runs" };
        let width = rows.iter().map(|row| row.second.len()).max().unwrap_or(0).max(second.len());
        let (rows_, tombstones, bytes) = ("rows", "tombstones", "bytes");
        out.line(format!("level    {second:>width$}  {rows_:>12}  {tombstones:>12}  {bytes:>15}  keys"))?;
        for Row { place, second, rows, tombstones, bytes, keys, .. } in &rows {
            out.line(format!("{place:>7}  {second:>width$}  {rows:>12}  {tombstones:>12}  {bytes:>15}  {keys}"))?;
        }
        return Ok(());
    }
    for row in rows {
        out.line(row.object.to_string())?;
    }
    Ok(())
}

/// Where runs lie.
#[derive(Clone, Copy)]
enum Place {
    Level(u32),
    History,
}

impl Place {
    fn text(self) -> String {
        match self {
            Self::Level(level) => level.to_string(),
            Self::History => "history".into(),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Level(level) => level.into(),
            Self::History => "history".into(),
        }
    }
}

/// A level, history or a run, for a person and for a program.
struct Row {
    place: String,
    /// How many runs there are, or the file of the run.
    second: String,
    rows: u64,
    tombstones: u64,
    bytes: u64,
    keys: String,
    object: Value,
}

impl Row {
    fn of_runs(place: Place, runs: &[RunInfo], format: Format) -> Self {
        let sum = |figure: fn(&RunInfo) -> u64| runs.iter().map(figure).sum::<u64>();
        let (rows, tombstones, bytes) = (sum(|run| run.rows), sum(|run| run.tombstones), sum(|run| run.bytes));
        let first = runs.iter().map(|run| &run.first_key).min();
        let last = runs.iter().map(|run| &run.last_key).max();
        Self {
            place: place.text(),
            second: runs.len().to_string(),
            rows,
            tombstones,
            bytes,
            keys: first.zip(last).map_or("none".into(), |(first, last)| span(first, last, format)),
            object: json!({
                "level": place.json(),
                "runs": runs.len(),
                "rows": rows,
                "tombstones": tombstones,
                "bytes": bytes,
                "first_key": first.map(|key| format.json(key)),
                "last_key": last.map(|key| format.json(key)),
            }),
        }
    }

    fn of_run(place: Place, run: &RunInfo, format: Format) -> Self {
        Self {
            place: place.text(),
            second: run.file.clone(),
            rows: run.rows,
            tombstones: run.tombstones,
            bytes: run.bytes,
            keys: span(&run.first_key, &run.last_key, format),
            object: json!({
                "level": place.json(),
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
