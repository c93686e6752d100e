//! `kv publish`, `kv unpublish` and `kv adopt`.

use crate::args;
use crate::failure::Outcome;
use crate::output::Output;
use crate::session::{Store, with_store};
use serde_json::json;

pub(crate) async fn publish(store: Store<'_>, args: &args::Publish, out: &mut Output) -> Outcome {
    let name = args.tag.as_deref();
    let published = with_store(store, async |store| Ok(store.publish(name).await?)).await?;
    let path = published.path.display();
    let (version, rows, dataset_version) = (published.version, published.rows, published.dataset_version);
    let mut text = format!("published version {version}: {rows} rows, in version {dataset_version} of {path}");
    if let Some(name) = name {
        text += &format!(", as {name}");
    }
    let json = json!({
        "path": path.to_string(),
        "dataset_version": dataset_version,
        "version": version,
        "rows": rows,
        "tag": name,
    });
    Ok(out.say(text, json)?)
}

pub(crate) async fn unpublish(store: Store<'_>, args: &args::Unpublish, out: &mut Output) -> Outcome {
    let name = &args.tag;
    with_store(store, async |store| Ok(store.unpublish(name).await?)).await?;
    Ok(out.say(format!("removed the name {name} of a publication"), json!({ "unpublished": name }))?)
}

pub(crate) async fn adopt(store: Store<'_>, out: &mut Output) -> Outcome {
    let adopted = with_store(store, async |store| Ok(store.adopt().await?)).await?;
    let Some(adopted) = adopted else {
        return Ok(out.say("nothing to adopt", json!({ "set": 0, "deleted": 0, "version": null }))?);
    };
    let (set, deleted) = (adopted.set, adopted.deleted);
    let version = adopted.version.map_or_else(String::new, |version| format!(" as version {version}"));
    let text = format!("adopted{version}: {set} set, {deleted} deleted");
    Ok(out.say(text, json!({ "set": set, "deleted": deleted, "version": adopted.version }))?)
}
