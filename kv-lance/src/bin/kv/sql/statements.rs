//! Where a text's queries begin and end.

/// The first query of a text that is not empty, and what comes after its semicolon; those in quotes end nothing.
pub(super) fn next_query(text: &str) -> Option<(&str, &str)> {
    let mut text = text;
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        let (query, rest) = text.split_at_checked(end_of_query(text).unwrap_or(text.len()))?;
        let rest = rest.strip_prefix(';').unwrap_or(rest);
        if !query.trim().is_empty() {
            return Some((query, rest));
        }
        text = rest;
    }
}

/// How many queries a text has that are not empty.
pub(super) fn count(text: &str) -> usize {
    std::iter::successors(next_query(text), |(_, rest)| next_query(rest)).count()
}

pub(super) fn ends_query(text: &str) -> bool {
    let mut rest = text;
    while let Some(end) = end_of_query(rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        if rest.trim().is_empty() {
            return true;
        }
    }
    false
}

/// Where the first semicolon is that is not within quotes or a comment.
fn end_of_query(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut comment = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (None, '\'' | '"') => quote = Some(c),
            (None, '-') if before == '-' => comment = true,
            (None, ';') => return Some(at),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_end_with_semicolons_that_are_not_quoted() {
        assert_eq!([count(" ;; "), count("select ';'"), count("select 1; select 2;")], [0, 1, 2]);
        let text = "SELECT ';' ; -- not; this\n SELECT \"a;b\";;\n ; select 3";
        let mut queries = Vec::new();
        let mut rest = text;
        while let Some((query, more)) = next_query(rest) {
            queries.push(query.trim());
            rest = more;
        }
        assert_eq!(queries, ["SELECT ';'", "-- not; this\n SELECT \"a;b\"", "select 3"]);
        assert!(ends_query("select 1;\n") && ends_query("select ';'; "));
        assert!(!ends_query("select 1") && !ends_query("select ';") && !ends_query("select 1; select 2"));
    }
}
