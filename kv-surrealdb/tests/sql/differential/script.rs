//! What a seed makes of statements: in which order, in which transactions, and what is looked at.

use super::random::Random;
use super::statements::{change, definition, query};
use std::fmt;

/// What every engine does, and answers.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Statements of one request; `BEGIN`, `COMMIT` and `CANCEL` may be among them.
    Sql(String),
    /// The live query of a slot begins.
    Live(usize, String),
    Kill(usize),
    /// The events since the last such step.
    Events,
    /// A transaction over several requests begins, beside others.
    Begin(usize),
    Within(usize, String),
    Commit(usize),
    Cancel(usize),
    /// The time, and what the statements answer then.
    Remember(usize, String),
    /// The store of kv-lance is closed and opened again.
    Reopen,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) | Self::Live(_, sql) | Self::Remember(_, sql) => write!(f, "{sql}"),
            Self::Within(slot, sql) => write!(f, "in transaction {slot}: {sql}"),
            other => write!(f, "{other:?}"),
        }
    }
}

pub(crate) const SCHEMA: &str = "DEFINE NAMESPACE diff; USE NS diff; DEFINE DATABASE diff; USE DB diff;
    DEFINE TABLE item CHANGEFEED 1d INCLUDE ORIGINAL; DEFINE TABLE person SCHEMAFULL; DEFINE TABLE knows TYPE RELATION FROM person TO person;
    DEFINE TABLE log; DEFINE TABLE mark;
    DEFINE FIELD name ON person TYPE string; DEFINE FIELD age ON person TYPE int ASSERT $value >= 0;
    DEFINE FIELD best ON person TYPE option<record<person>>;
    DEFINE FIELD older ON person VALUE age + 1;
    DEFINE EVENT changed ON person WHEN $event = 'UPDATE' AND $before.age != $after.age
        THEN (UPSERT type::record('log', record::id($after.id)) SET n += 1, last = $after.age);
    DEFINE ANALYZER words TOKENIZERS blank, class FILTERS lowercase;
    DEFINE INDEX pairs ON item FIELDS n, tag; DEFINE INDEX name ON person FIELDS name UNIQUE;
    DEFINE INDEX once ON knows FIELDS in, out UNIQUE";

/// Tables, edges both ways, what goes by an index, what goes without, and what was changed.
pub(crate) const WHOLE: &str = "SELECT * FROM item; SELECT * FROM person; SELECT * FROM knows; SELECT * FROM log;
    SELECT * FROM extra; SELECT id, ->knows->person AS out, <-knows<-person AS in FROM person;
    SELECT n, tag, count() AS c FROM item GROUP BY n, tag ORDER BY n, tag; SELECT count() FROM item GROUP ALL;
    SELECT VALUE id FROM item WHERE n > -100 ORDER BY id; SELECT VALUE id FROM item WITH NOINDEX WHERE n > -100 ORDER BY id;
    SELECT VALUE id FROM item WHERE text @@ 'red' ORDER BY id; SHOW CHANGES FOR TABLE item SINCE 0 LIMIT 1000";

/// What can be read at its time.
pub(crate) const PAST: &str = "SELECT * FROM item; SELECT * FROM person; SELECT * FROM knows; SELECT * FROM item:3..9";
pub(crate) const PAST_AT: &str = "SELECT * FROM item VERSION $time; SELECT * FROM person VERSION $time;
    SELECT * FROM knows VERSION $time; SELECT * FROM item:3..9 VERSION $time";

const STEPS: usize = 120;
const TRANSACTIONS: usize = 3;

/// The steps of a seed; kv-lance is opened again some three times.
pub(crate) fn script(seed: u64) -> Vec<Step> {
    let mut writer = Writer { random: Random::new(seed), steps: Vec::new(), live: Vec::new(), open: Vec::new() };
    writer.steps.push(Step::Sql(SCHEMA.into()));
    // More than SurrealDB reads at a time.
    writer.steps.push(Step::Sql("CREATE |extra:300..900| SET n = 1 RETURN NONE".into()));
    writer.live();
    while writer.steps.len() < STEPS {
        writer.step();
    }
    writer.reopen();
    writer.steps.push(Step::Sql(WHOLE.into()));
    writer.steps
}

struct Writer {
    random: Random,
    steps: Vec<Step>,
    /// The slots of live queries, and of transactions.
    live: Vec<usize>,
    open: Vec<usize>,
}

impl Writer {
    fn step(&mut self) {
        let random = &mut self.random;
        let step = match random.below(100) {
            // Beside open transactions a definition would conflict with all that they do.
            0..6 if self.open.is_empty() => Step::Sql(definition(random)),
            0..30 => Step::Sql(change(random)),
            30..52 => Step::Sql(query(random)),
            52..62 => Step::Sql(transaction(random)),
            62..67 => return self.begin(),
            67..82 => return self.within(),
            82..88 => return self.end(),
            88..91 => return self.live(),
            91..95 => Step::Events,
            95..98 => Step::Remember(self.steps.len(), PAST.into()),
            _ => return self.reopen(),
        };
        self.steps.push(step);
    }

    fn live(&mut self) {
        // The router tells of all that is committed later, the others of what is written later.
        if self.live.len() < 3 && self.open.is_empty() {
            let slot = self.steps.len();
            let sql = self.random.pick(&[
                "LIVE SELECT * FROM item",
                "LIVE SELECT * FROM item WHERE n > 4",
                "LIVE SELECT name, age FROM person",
                "LIVE SELECT * FROM knows",
            ]);
            self.live.push(slot);
            self.steps.push(Step::Live(slot, sql.into()));
        }
    }

    fn begin(&mut self) {
        if self.open.len() < TRANSACTIONS {
            let slot = self.steps.len();
            self.open.push(slot);
            self.steps.push(Step::Begin(slot));
        }
    }

    fn within(&mut self) {
        if !self.open.is_empty() {
            let slot = self.open[self.random.below(self.open.len())];
            let sql = if self.random.chance(60) { change(&mut self.random) } else { query(&mut self.random) };
            self.steps.push(Step::Within(slot, sql));
        }
    }

    fn end(&mut self) {
        if !self.open.is_empty() {
            let slot = self.open.swap_remove(self.random.below(self.open.len()));
            self.steps.push(if self.random.chance(80) { Step::Commit(slot) } else { Step::Cancel(slot) });
        }
    }

    fn reopen(&mut self) {
        self.steps.extend(self.open.drain(..).map(Step::Commit));
        self.steps.push(Step::Events);
        self.steps.extend(self.live.drain(..).map(Step::Kill));
        self.steps.push(Step::Sql(WHOLE.into()));
        self.steps.push(Step::Reopen);
        self.steps.push(Step::Sql(WHOLE.into()));
        self.live();
    }
}

/// Statements that are one, and end as they like.
fn transaction(random: &mut Random) -> String {
    let mut statements = vec!["BEGIN".to_owned()];
    for _ in 0..1 + random.below(5) {
        statements.push(if random.chance(75) { change(random) } else { query(random) });
    }
    if random.chance(10) {
        statements.push("THROW 'enough'".into());
    }
    statements.push(random.pick(&["COMMIT", "COMMIT", "COMMIT", "CANCEL"]).into());
    statements.join("; ")
}
