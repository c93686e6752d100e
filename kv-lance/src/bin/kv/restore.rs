//! `kv restore`, with or without the other tool's rows.

use crate::args;
use crate::export::Export;
use crate::failure::Outcome;
use crate::output::Output;
use kv_lance::{LanceConfig, Restored};
use serde_json::json;
use std::path::Path;

pub(crate) async fn restore(config: LanceConfig, args: &args::Restore, out: &mut Output) -> Outcome {
    let Some(path) = &args.export else {
        return match kv_lance::restore(&config).await? {
            Some(restored) => say(out, &restored, None),
            None => nothing(out),
        };
    };
    // Before anything else: where it cannot be made, nothing is restored.
    let mut export = Export::create(path)?;
    match kv_lance::restore_exporting(&config, &mut |rows| export.write(rows)).await {
        Ok(Some(restored)) => say(out, &restored, Some((path, export.rows()))),
        Ok(None) => {
            export.remove();
            nothing(out)
        }
        Err(e) => {
            export.remove();
            Err(e.into())
        }
    }
}
