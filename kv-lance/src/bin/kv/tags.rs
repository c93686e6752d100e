//! `kv tag`, `kv tags` and `kv untag`.

use crate::args;
use crate::failure::Outcome;
use crate::output::Output;
use crate::session::{Store, with_store};
use jiff::Timestamp;
use kv_api::{Datastore, Tag};
use serde_json::{Value, json};

pub(crate) async fn tag(store: Store<'_>, args: &args::Tag, out: &mut Output) -> Outcome {
    let name = &args.name;
    let version = with_store(store, async |store| {
        let version = match &args.at.point {
            Some(point) => Some(point.committed_version(store).await?),
            None => None,
        };
        Ok(store.tag(name, version).await?)
    })
    .await?;
    Ok(out.say(format!("tagged version {version} as {name}"), json!({ "tag": name, "version": version }))?)
}

pub(crate) async fn untag(store: Store<'_>, args: &args::Untag, out: &mut Output) -> Outcome {
    let name = &args.name;
    let version = with_store(store, async |store| Ok(store.untag(name).await?)).await?;
    let text = format!("removed the tag {name} of version {version}");
    Ok(out.say(text, json!({ "untagged": name, "version": version }))?)
}

pub(crate) async fn tags(store: Store<'_>, out: &mut Output) -> Outcome {
    let tags = with_store(store, async |store| Ok(store.tags().await?)).await?;
    for tag in tags {
        out.say(format!("{}\t{}\t{}", tag.name, tag.version, made(&tag)), as_json(&tag))?;
    }
    Ok(())
}

/// When a tag was made.
pub(crate) fn made(tag: &Tag) -> String {
    Timestamp::try_from(tag.made).map_or_else(|_| "at an unknown time".into(), |time| time.to_string())
}

pub(crate) fn as_json(tag: &Tag) -> Value {
    json!({ "tag": tag.name, "version": tag.version, "made": made(tag) })
}
