//! What was acknowledged, and what has to hold of a store whatever else was.

use super::load::{ACCOUNTS, BALANCE, CLIENTS};
use crate::database::{Database, Outcome};
use std::fmt;
use surrealdb_types::ToSql as _;

/// What clients were told.
#[derive(Default)]
pub(crate) struct Books {
    paid: [usize; CLIENTS],
    counted: usize,
    /// What there was at the last look.
    found: (usize, usize),
}

impl Books {
    pub(crate) fn enter(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match *words {
            ["paid", client, n] => self.paid[client.parse::<usize>().unwrap()] = n.parse().unwrap(),
            ["counted"] => self.counted += 1,
            // The last line may be cut off, and the test harness has lines of its own.
            _ => {}
        }
    }

    pub(crate) async fn check(&mut self, db: &Database) -> Outcome<()> {
        let mut payments = 0;
        for (client, paid) in self.paid.iter_mut().enumerate() {
            let n = number(db, &format!("SELECT VALUE n FROM ONLY counter:{client}")).await?;
            // The last one may be there without its acknowledgement.
            within(&format!("payments counted by client {client}"), n, *paid, 1)?;
            let edges = format!("SELECT VALUE id[1] FROM paid:[{client}]..[{client}, {{}}]");
            let expected: Vec<_> = (0..n).collect();
            same(db, &edges, &format!("{expected:?}")).await?;
            *paid = n;
            payments += n;
        }
        let counted = number(db, "SELECT VALUE n FROM ONLY counter:all").await?;
        within("increments", counted, self.counted, CLIENTS)?;
        self.counted = counted;
        self.found = (payments, counted);

        same(db, "(SELECT count() FROM ONLY paid GROUP ALL).count", &payments.to_string()).await?;
        same(db, "math::sum(SELECT VALUE balance FROM account)", &(ACCOUNTS * BALANCE).to_string()).await?;
        let odd = format!(
            "SELECT VALUE id FROM account
             WHERE balance != {BALANCE} - math::sum(->paid.amount) + math::sum(<-paid.amount)"
        );
        same(db, &odd, "[]").await?;
        // By the indexes as by the records.
        for amount in 1..10 {
            let by = |how: &str| format!("(SELECT VALUE id FROM paid {how} WHERE amount = {amount} ORDER BY id)");
            same(db, &format!("{} = {}", by(""), by("WITH NOINDEX")), "true").await?;
        }
        let by = |how: &str| format!("(SELECT VALUE id FROM account {how} WHERE balance > 0 ORDER BY id)");
        same(db, &format!("{} = {}", by(""), by("WITH NOINDEX")), "true").await?;
        for client in 0..CLIENTS {
            let last = self.paid[client].saturating_sub(1);
            let found = if self.paid[client] == 0 { "[]".into() } else { format!("[paid:[{client}, {last}]]") };
            same(db, &format!("SELECT VALUE id FROM paid WHERE code = '{client}-{last}'"), &found).await?;
        }
        Ok(())
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} payments, {} increments", self.found.0, self.found.1)
    }
}

async fn number(db: &Database, query: &str) -> Outcome<usize> {
    Ok(db.run(query).await?.to_sql().parse()?)
}

fn within(what: &str, found: usize, acknowledged: usize, more: usize) -> Outcome<()> {
    match (acknowledged..=acknowledged + more).contains(&found) {
        true => Ok(()),
        false => Err(format!("{found} {what}, {acknowledged} acknowledged").into()),
    }
}

async fn same(db: &Database, query: &str, expected: &str) -> Outcome<()> {
    let found = db.run(query).await.map_err(|e| format!("{query}: {e}"))?.to_sql();
    match found == expected {
        true => Ok(()),
        false => Err(format!("{query}: {found}, not {expected}").into()),
    }
}
