//! Many live queries at once, against a look at each of them.

use crate::case::{Case, cases};
use crate::fixture::{Happening, Live, Store, Verdict};
use kv_api::{Key, KeyRange, Result, Version};
use kv_live::{Contents, LiveQueries};
use std::collections::BTreeSet;

pub(super) fn cases() -> Vec<Case> {
    cases![many_queries_against_each_alone, queries_that_come_and_go]
}

/// Numbers that are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn key(&mut self) -> String {
        format!("k{:03}", self.below(60))
    }

    /// Narrow and wide ones, prefixes, single keys, and some without an end.
    fn range(&mut self) -> KeyRange {
        let start = self.below(60);
        let key = |n: u64| Key::from(format!("k{n:03}"));
        match self.below(6) {
            0 => KeyRange::prefix(format!("k0{}", start % 6)),
            1 => KeyRange::single(key(start)),
            2 => KeyRange::from(key(start)..),
            3 => KeyRange::from(key(start)..key(start + 1 + self.below(60))),
            _ => KeyRange::from(key(start)..key(start + 1 + self.below(4))),
        }
    }

    fn script(&mut self) -> String {
        let keys: BTreeSet<String> = (0..1 + self.below(5)).map(|_| self.key()).collect();
        let word = |key| if self.below(4) == 0 { format!("-{key}") } else { format!("{key}={}", self.below(100)) };
        keys.into_iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Old values would be a transaction for each commit of each query, and are looked at by other cases.
async fn without_old(live: &LiveQueries, range: KeyRange, since: Version) -> Result<Live> {
    Live::with(live, range, |query| query.after(since).contents(Contents::New)).await
}

async fn many_queries_against_each_alone(store: Store) -> Verdict {
    let (live, mut numbers, mut happening) = (store.live(), Numbers(11), Happening::default());
    let first = numbers.script();
    let since = store.commit(&first).await?;
    happening.add(since, &first);
    let mut queries = Vec::new();
    for _ in 0..400 {
        let range = numbers.range();
        queries.push((range.clone(), without_old(&live, range, since).await?));
    }
    for _ in 0..60 {
        let script = numbers.script();
        happening.add(store.commit(&script).await?, &script);
    }
    for (range, query) in &mut queries {
        query.gives_all(&happening.new_after(since, range)).await?;
    }
    // And nothing more.
    let last = store.commit(&(0..60).map(|n| format!("k{n:03}=end")).collect::<Vec<_>>().join(" ")).await?;
    for (_, query) in &mut queries {
        let told = query.until("=").await?;
        assert_eq!(told.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [last]);
    }
    Ok(())
}

async fn queries_that_come_and_go(store: Store) -> Verdict {
    let (live, mut numbers, mut happening) = (store.live(), Numbers(13), Happening::default());
    let mut queries: Vec<(KeyRange, u64, Live)> = Vec::new();
    let mut version = store.version().await?;
    for round in 0..80 {
        for _ in 0..5 {
            let range = numbers.range();
            queries.push((range.clone(), version, without_old(&live, range, version).await?));
        }
        let script = numbers.script();
        version = store.commit(&script).await?;
        happening.add(version, &script);
        if round % 3 > 0 {
            for _ in 0..5 {
                let gone = numbers.below(queries.len() as u64) as usize;
                let (range, since, mut query) = queries.swap_remove(gone);
                query.gives_all(&happening.new_after(since, &range)).await?;
            }
        }
    }
    for (range, since, query) in &mut queries {
        query.gives_all(&happening.new_after(*since, range)).await?;
    }
    Ok(())
}
