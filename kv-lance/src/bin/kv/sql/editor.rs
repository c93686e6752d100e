//! Lines that a person edits until they are a query.

use super::commands::command;
use super::history::History;
use super::reading_input;
use super::statements::ends_query;
use super::words::Words;
use crate::failure::{Failure, Outcome};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, CompletionType, Config, Context, Editor, Helper};
use std::cell::Cell;
use std::io;

thread_local! {
    /// The one editor there is, while nobody types. It takes SIGINT when it is made, and gives back what was there before when
    /// it goes: an [`Interrupt`](super::interrupt::Interrupt) is made after the first and outlives all others.
    static EDITOR: Cell<Option<Editor<Typing, FileHistory>>> = const { Cell::new(None) };
}

/// What is typed, query by query.
pub(super) struct Lines {
    editor: Editor<Typing, FileHistory>,
    history: History,
}

impl Lines {
    /// `on_terminal` says whether the standard output is one; otherwise what is typed is shown where it is typed.
    pub(super) fn new(words: Words, on_terminal: bool) -> Outcome<Self> {
        let mut editor = match EDITOR.take() {
            Some(editor) => editor,
            None => Editor::with_config(config(on_terminal).map_err(failed)?).map_err(failed)?,
        };
        editor.set_helper(Some(Typing(words)));
        editor.clear_history().map_err(failed)?;
        let history = History::load(editor.history_mut());
        Ok(Self { editor, history })
    }

    /// The next text that is a query, queries, a command or nothing; `None` at the end.
    pub(super) fn next(&mut self) -> Outcome<Option<String>> {
        loop {
            match self.editor.readline("kv> ") {
                Ok(typed) => {
                    self.history.add(self.editor.history_mut(), &typed);
                    return Ok(Some(typed));
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// For the next session of this process.
    pub(super) fn keep(self) {
        EDITOR.set(Some(self.editor));
    }
}

fn config(on_terminal: bool) -> rustyline::Result<Config> {
    let config = Config::builder()
        .behavior(if on_terminal { Behavior::Stdio } else { Behavior::PreferTerm })
        .completion_type(CompletionType::List)
        .max_history_size(History::LENGTH)?
        .history_ignore_dups(true)?;
    Ok(config.build())
}

fn failed(error: ReadlineError) -> Failure {
    reading_input(io::Error::other(error))
}

/// What the editor does with lines: Enter ends those that are complete, and Tab completes words.
struct Typing(Words);

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let typed = context.input();
        let complete = typed.trim().is_empty() || command(typed).is_some() || ends_query(typed);
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.complete(line, at))
    }
}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {}

impl Helper for Typing {}
