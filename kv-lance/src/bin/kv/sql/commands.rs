//! What can be typed in place of a query.

use crate::failure::{Failure, Outcome};

pub(super) const HELP: &str = "\
A query ends with ';' and may have several lines. The table kv has the columns key, val and version; kv_at(VERSION),
kv_at('TIME'), history and changes(SINCE) have the past. CAST(val AS VARCHAR) makes text of bytes, and val ->> 'field'
takes a field out of JSON. All queries see the store as it was when this began.

  tables         \\d         the tables and their columns
  columns TABLE  \\d TABLE   the columns of a table
  help           \\?         this
  quit           \\q         ends, as Ctrl-D does

Ctrl-C stops a query, or forgets what has been typed. Tab completes names, the arrow keys find earlier queries.";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Help,
    Tables,
    Columns(&'a str),
    Quit,
}

/// The command that a text is; `None` where it is to become a query.
pub(super) fn command(text: &str) -> Option<Outcome<Command<'_>>> {
    let text = text.trim().trim_end_matches(';');
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(Ok(match words.as_slice() {
        ["help" | r"\?" | r"\h"] => Command::Help,
        ["tables" | r"\d"] => Command::Tables,
        ["columns" | r"\d", table] => Command::Columns(table),
        ["quit" | "exit" | r"\q"] => Command::Quit,
        [first, ..] if first.starts_with('\\') => {
            return Some(Err(Failure::Usage(format!("there is no command '{text}'; 'help' lists them"))));
        }
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words_alone_and_queries_are_not() {
        let parsed = |text| command(text).and_then(Result::ok);
        assert_eq!(parsed(" tables ;"), Some(Command::Tables));
        assert_eq!(parsed(r"\d kv"), Some(Command::Columns("kv")));
        assert_eq!(parsed(r"\q"), Some(Command::Quit));
        assert!(command("select help").is_none() && command("tables of").is_none() && command("").is_none());
        assert!(command(r"\x y").is_some_and(|command| matches!(command, Err(Failure::Usage(_)))));
    }
}
