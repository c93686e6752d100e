//! `kv get` and `kv count`.

use crate::args::{Count, Get, RangeArgs};
use crate::failure::{Failure, Outcome};
use crate::format::Format;
use crate::output::Output;
use crate::session::{Store, with_store};
use kv_api::{Datastore, KeyRange, TransactionOptions};
use serde_json::json;

pub(crate) async fn get(store: Store<'_>, args: &Get, out: &mut Output) -> Outcome {
    let format = out.format;
    let key = format.read(&args.key)?;
    let val = with_store(store, async |store| {
        let tx = store.begin(TransactionOptions::read()).await?;
        Ok(tx.get(&key, args.at.version(store).await?).await?)
    })
    .await?;
    let val = val.ok_or_else(|| Failure::NotFound(format.line(&key).into_owned()))?;
    if args.raw {
        out.raw(&val)?;
    } else if format.json {
        out.entry(&key, Some(&val))?;
    } else {
        let text = format.block(&val);
        // A text that ends its last line itself needs no second newline.
        out.line(text.strip_suffix('\n').unwrap_or(&text))?;
    }
    Ok(())
}

pub(crate) async fn count(store: Store<'_>, args: &Count, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    let count = with_store(store, async |store| {
        let tx = store.begin(TransactionOptions::read()).await?;
        Ok(tx.count(range, args.at.version(store).await?).await?)
    })
    .await?;
    Ok(out.say(count.to_string(), json!({ "count": count }))?)
}

/// What `--prefix`, `--from` and `--to` have in common.
pub(crate) fn key_range(args: &RangeArgs, format: Format) -> Outcome<KeyRange> {
    let mut range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(format.read(prefix)?),
        None => KeyRange::all(),
    };
    if let Some(from) = &args.from {
        range.start = range.start.max(format.read(from)?);
    }
    if let Some(to) = &args.to {
        let to = format.read(to)?;
        range.end = Some(range.end.map_or(to.clone(), |end| end.min(to)));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn range(prefix: Option<&str>, from: Option<&str>, to: Option<&str>) -> Option<KeyRange> {
        let args = RangeArgs {
            prefix: prefix.map(OsString::from),
            from: from.map(OsString::from),
            to: to.map(OsString::from),
        };
        key_range(&args, Format { hex: false, json: false }).ok()
    }

    #[test]
    fn flags_intersect() {
        assert_eq!(range(None, None, None), Some(KeyRange::all()));
        assert_eq!(range(Some("b"), None, None), Some(("b".."c").into()));
        assert_eq!(range(Some("b"), Some("a"), Some("d")), Some(("b".."c").into()));
        assert_eq!(range(Some("b"), Some("b5"), Some("b7")), Some(("b5".."b7").into()));
        assert_eq!(range(None, Some("b"), None), Some(("b"..).into()));
        assert_eq!(range(None, None, Some("b")), Some((..kv_api::Key::from("b")).into()));
        assert!(range(Some("b"), Some("x"), None).is_some_and(|r| r.is_empty()));
    }
}
