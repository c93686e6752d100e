//! Live queries: what they add to a commit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails says so and ends")]

use criterion::Criterion;
use kv_api::{Datastore, TransactionOptions};
use kv_bench::numbers::Numbers;
use kv_live::{Contents, LiveQueries, LiveQuery, Subscription, Update};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A commit, until the one subscription of many that it is for has it. Beside it the commit alone, and one that is for none.
pub(crate) fn fan_out(criterion: &mut Criterion, runtime: &Runtime, store: &Arc<dyn Datastore>) {
    let mut group = criterion.benchmark_group("live");
    let mut numbers = Numbers::new(5);
    group.bench_function("commit, nobody listens", |b| b.iter(|| runtime.block_on(commit(store, "live/x/".into()))));
    for (count, contents, name) in [
        (10, Contents::New, "10 subscriptions"),
        (1_000, Contents::New, "1,000 subscriptions"),
        (10_000, Contents::New, "10,000 subscriptions"),
        (10_000, Contents::OldAndNew, "10,000 subscriptions, old values"),
    ] {
        let mut subscriptions = runtime.block_on(subscribe(store, count, contents));
        group.bench_function(format!("{name}, until one has it"), |b| {
            b.iter(|| {
                let one = numbers.below(count) as usize;
                runtime.block_on(async {
                    commit(store, prefix(one as u64)).await;
                    match subscriptions.get_mut(one).unwrap().next().await.unwrap() {
                        Update::Commit(commit) => commit.events.len(),
                        other => panic!("{other:?} instead of a commit"),
                    }
                })
            });
        });
        group.bench_function(format!("{name}, for none"), |b| {
            b.iter(|| runtime.block_on(commit(store, "live/x/".into())));
        });
    }
    group.finish();
}

fn prefix(number: u64) -> String {
    format!("live/{number:05}/")
}

async fn subscribe(store: &Arc<dyn Datastore>, count: u64, contents: Contents) -> Vec<Subscription> {
    let live = LiveQueries::new(store.clone());
    let since = store.current_version().await.unwrap();
    let mut subscriptions = Vec::new();
    for number in 0..count {
        let query = LiveQuery::prefix(prefix(number)).contents(contents).after(since);
        subscriptions.push(live.subscribe(query).await.unwrap());
    }
    subscriptions
}

async fn commit(store: &Arc<dyn Datastore>, prefix: String) {
    let tx = store.begin(TransactionOptions::write()).await.unwrap();
    tx.set(format!("{prefix}row").into(), "value".into()).await.unwrap();
    tx.commit().await.unwrap();
}
