//! `kv branch`.

use crate::args::Branch;
use crate::failure::Outcome;
use crate::output::Output;
use crate::session::{Store, with_store};
use serde_json::json;

pub(crate) async fn branch(store: Store<'_>, args: &Branch, out: &mut Output) -> Outcome {
    let version =
        with_store(store, async |store| Ok(store.make_branch(&args.into, args.from.as_deref()).await?)).await?;
    let path = args.into.display().to_string();
    let text = format!("made {path} of version {version}");
    Ok(out.say(text, json!({ "path": path, "version": version }))?)
}
