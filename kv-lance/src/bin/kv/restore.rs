//! `kv restore`, with or without the other tool's rows.

use crate::args;
use crate::export::Export;
use crate::failure::Outcome;
use crate::output::Output;
use crate::target::is_stdout;
use kv_lance::{ChangedTable, LanceConfig, Restored};
use serde_json::json;

pub(crate) async fn restore(config: LanceConfig, args: &args::Restore, out: &mut Output) -> Outcome {
    let Some(changed) = ChangedTable::find(&config).await? else {
        let text = "nothing to restore: the table is as the store left it";
        return say(args, out, text, json!({ "restored": false }));
    };
    let exported = match &args.export {
        Some(path) => Some((Export::create(path, out)?.all(&changed).await?, path)),
        None => None,
    };
    let Restored { version, tag, .. } = changed.restore().await?;
    let mut text = format!("restored; version {version} of the table, which another tool had made, has the tag {tag}");
    if let Some((rows, path)) = exported {
        text.push_str(&format!("\nrows of its own in {}: {rows}", path.display()));
    }
    let rows = exported.map(|(rows, _)| rows);
    say(args, out, &text, json!({ "restored": true, "version": version, "tag": tag, "exported": rows }))
}

/// Beside the rows, where they are on the standard output.
fn say(args: &args::Restore, out: &mut Output, text: &str, object: serde_json::Value) -> Outcome {
    match args.export.as_deref().is_some_and(is_stdout) {
        true => Ok(out.say_aside(text, object)?),
        false => Ok(out.say(text, object)?),
    }
}
