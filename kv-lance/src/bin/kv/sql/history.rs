//! The queries of earlier sessions, in a file of the user's.

use rustyline::error::ReadlineError;
use rustyline::history::{FileHistory, History as _};
use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Where they are kept; `None` where they cannot be, which has been said.
pub(super) struct History(Option<PathBuf>);

impl History {
    /// So many are kept.
    pub(super) const LENGTH: usize = 1000;

    pub(super) fn load(entries: &mut FileHistory) -> Self {
        let mut history = Self(path(env::var_os("XDG_STATE_HOME"), env::var_os("HOME")));
        match history.0.as_deref().map_or(Ok(()), |path| entries.load(path)) {
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            loaded => history.note(loaded),
        }
        history
    }

    pub(super) fn add(&mut self, entries: &mut FileHistory, typed: &str) {
        if typed.trim().is_empty() {
            return;
        }
        let added = entries.add(typed).and_then(|_| match &self.0 {
            Some(path) => append(entries, path),
            None => Ok(()),
        });
        self.note(added);
    }

    /// A history that cannot be kept is no reason not to run queries.
    fn note(&mut self, done: Result<(), ReadlineError>) {
        if let Err(error) = done
            && let Some(path) = self.0.take()
        {
            // There is nowhere left to say that even this failed.
            let _ = writeln!(io::stderr(), "kv: the history {} is not kept: {error}", path.display());
        }
    }
}

/// The file is as private as rustyline makes it, which is for its user alone.
fn append(entries: &mut FileHistory, path: &Path) -> Result<(), ReadlineError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    entries.append(path)
}

/// In the folder for state that the XDG base directories give, where a relative path counts for none.
fn path(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = state.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".local/state")))?;
    Some(state.join("kv-lance/sql_history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_in_the_folder_for_state() {
        let path = |state: &str, home: &str| path(Some(state.into()), Some(home.into())).unwrap_or_default();
        assert_eq!(path("/s", "/h"), Path::new("/s/kv-lance/sql_history"));
        assert_eq!(path("s", "/h"), Path::new("/h/.local/state/kv-lance/sql_history"));
        assert_eq!(path("", "h"), Path::new(""));
    }
}
