//! `kv set` and `kv del`.

use crate::args::{Del, Set};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::session::{Store, with_store};
use bytes::Bytes;
use kv_api::{Datastore, TransactionOptions, Version};
use serde_json::json;
use std::io::Read;
use std::path::Path;

pub(crate) async fn set(store: Store<'_>, args: &Set, out: &mut Output) -> Outcome {
    let key = out.format.read(&args.key)?;
    let val = match (&args.file, &args.value) {
        (Some(file), _) => read_file(file)?,
        (None, Some(value)) => out.format.read(value)?,
        (None, None) => return Err(Failure::Usage("which value? Give VALUE or --file PATH".into())),
    };
    let version = with_store(store, async |store| {
        let tx = store.begin(TransactionOptions::write()).await?;
        tx.set(key, val).await?;
        tx.commit().await?;
        Ok(tx.commit_version())
    })
    .await?;
    Ok(out.say(format!("set{}", as_of(version)), json!({ "set": 1, "version": version }))?)
}

pub(crate) async fn del(store: Store<'_>, args: &Del, out: &mut Output) -> Outcome {
    let keys = args.keys.iter().map(|key| out.format.read(key)).collect::<Outcome<Vec<_>>>()?;
    let (deleted, missing, version) = with_store(store, async |store| {
        let tx = store.begin(TransactionOptions::write()).await?;
        let (mut deleted, mut missing) = (0_u64, 0_u64);
        for key in keys {
            if tx.exists(&key, None).await? {
                tx.del(key).await?;
                deleted += 1;
            } else {
                missing += 1;
            }
        }
        if deleted == 0 {
            tx.cancel().await?;
        } else {
            tx.commit().await?;
        }
        Ok((deleted, missing, tx.commit_version()))
    })
    .await?;
    let text = match missing {
        0 => format!("deleted {deleted}{}", as_of(version)),
        _ => format!("deleted {deleted}{}; without a value: {missing}", as_of(version)),
    };
    Ok(out.say(text, json!({ "deleted": deleted, "missing": missing, "version": version }))?)
}

/// So that it can be given to `--at`.
fn as_of(version: Option<Version>) -> String {
    version.map(|version| format!(" at version {version}")).unwrap_or_default()
}

fn read_file(path: &Path) -> Outcome<Bytes> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str().as_encoded_bytes() {
        b"-" => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        _ => std::fs::read(path),
    };
    read.map(Bytes::from).map_err(|e| Failure::File(format!("reading {}: {e}", path.display())))
}
