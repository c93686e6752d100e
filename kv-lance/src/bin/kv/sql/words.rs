//! The words of queries: names of tables and columns, functions and keywords.

use kv_lance::sql::datafusion::error::Result;
use kv_lance::sql::datafusion::execution::context::SessionContext;

const KEYWORDS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COUNT",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTERSECT",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "SELECT",
    "THEN",
    "UNION",
    "USING",
    "VALUES",
    "VARCHAR",
    "WHEN",
    "WHERE",
    "WITH",
];

const FUNCTIONS: &[&str] = &["kv_at", "changes", "starts_with"];

/// In their order, each once.
pub(super) struct Words(Vec<String>);

/// Those of a session, as it is now.
pub(super) async fn words(session: &SessionContext) -> Result<Words> {
    let mut words: Vec<String> = KEYWORDS.iter().chain(FUNCTIONS).map(|word| (*word).to_owned()).collect();
    for table in session
        .catalog("datafusion")
        .and_then(|catalog| catalog.schema("public"))
        .map_or_else(Vec::new, |schema| schema.table_names())
    {
        let provider = session.table_provider(table.as_str()).await?;
        words.extend(provider.schema().fields().iter().map(|field| field.name().clone()));
        words.push(table);
    }
    words.sort();
    words.dedup();
    Ok(Words(words))
}

impl Words {
    /// Where the word that ends at `at` begins, and the words that it may become.
    pub(super) fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let before = line.get(..at).unwrap_or_default();
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        let start = before.trim_end_matches(part_of_word).len();
        let typed = before.get(start..).unwrap_or_default();
        let fits = |word: &&String| {
            !typed.is_empty() && word.get(..typed.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(typed))
        };
        (start, self.0.iter().filter(fits).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_completed_in_any_case() {
        let words = Words(["SELECT", "key", "kv", "kv_at"].map(String::from).into());
        assert_eq!(words.complete("sel", 3), (0, vec!["SELECT".into()]));
        assert_eq!(words.complete("SELECT max(K", 12), (11, vec!["key".into(), "kv".into(), "kv_at".into()]));
        assert_eq!(words.complete("SELECT kv_ FROM", 10), (7, vec!["kv_at".into()]));
        assert_eq!(words.complete("SELECT ", 7), (7, vec![]));
        assert_eq!(words.complete("größe", 5), (0, vec![]));
    }
}
