//! The commands that work on an open store.

use crate::args::Work;
use crate::failure::Outcome;
use crate::output::Output;
use crate::session::Store;
use crate::{branch, changes, diff, import, levels, operate, publish, read, scan, sql, stat, tags, write};

pub(crate) async fn work(command: &Work, store: Store<'_>, out: &mut Output) -> Outcome {
    match command {
        Work::Get(get) => read::get(store, get, out).await,
        Work::Set(set) => write::set(store, set, out).await,
        Work::Del(del) => write::del(store, del, out).await,
        Work::Scan(scan) => scan::scan(store, scan, out).await,
        Work::Sql(query) => sql::sql(store, query, out).await,
        Work::Changes(changes) => changes::changes(store, changes, out).await,
        Work::Diff(diff) => diff::diff(store, diff, out).await,
        Work::Count(count) => read::count(store, count, out).await,
        Work::Tag(tag) => tags::tag(store, tag, out).await,
        Work::Tags => tags::tags(store, out).await,
        Work::Untag(untag) => tags::untag(store, untag, out).await,
        Work::Branch(args) => branch::branch(store, args, out).await,
        Work::Publish(args) => publish::publish(store, args, out).await,
        Work::Adopt => publish::adopt(store, out).await,
        Work::Unpublish(args) => publish::unpublish(store, args, out).await,
        Work::Import(import) => import::import(store, import, out).await,
        Work::Stat(stat) => stat::stat(store, stat, out).await,
        Work::Levels(levels) => levels::levels(store, levels, out).await,
        Work::Flush => operate::flush(store, out).await,
        Work::Compact(compact) => operate::compact(store, compact, out).await,
    }
}
