//! `sql` without a query at a terminal: lines that are edited, commands, what Ctrl-C does.

use crate::kv::Kv;
use crate::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";

fn filled() -> Kv {
    let kv = Kv::new();
    kv.fill(["a", "b/1", "b/2", "c"].map(String::from));
    kv
}

fn shell(kv: &Kv) -> Terminal {
    let mut terminal = Terminal::run(kv, &["sql"]);
    terminal.until("kv> ");
    terminal
}

#[test]
fn a_query_may_have_lines_and_one_that_fails_ends_nothing() {
    let kv = filled();
    let mut terminal = shell(&kv);
    terminal.press("SELECT count(*) AS n\r");
    terminal.press("FROM kv;\r");
    terminal.until("| 4 |");
    terminal.until("kv> ");
    terminal.press("SELECT nope FROM kv;\r");
    terminal.until("kv: Schema error");
    terminal.until("kv> ");
    terminal.press("SELECT 40 + 2 AS a; SELECT 43 AS b;\r");
    terminal.until("| 42 |");
    terminal.until("| 43 |");
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn ctrl_c_forgets_what_has_been_typed() {
    let kv = filled();
    let mut terminal = shell(&kv);
    terminal.press("SELECT nope\rFROM");
    terminal.until("FROM");
    terminal.press(CTRL_C);
    terminal.until("kv> ");
    terminal.press("SELECT 6 * 7 AS a;\r");
    let screen = terminal.until("| 42 |");
    assert!(!screen.contains("error"), "{screen:?}");
    terminal.until("kv> ");
    terminal.press("quit\r");
    assert_eq!(terminal.end().0, Some(0));
}

const LONG: &str = "SELECT sum(value) FROM generate_series(1, 1000000000000000);\r";

#[test]
fn a_query_that_takes_long_shows_its_progress_and_is_stopped_by_ctrl_c() {
    let kv = filled();
    let mut terminal = shell(&kv);
    terminal.press(LONG);
    let screen = terminal.until(" rows read, 1 s");
    assert!(!screen.ends_with(" 0 rows read, 1 s"), "{screen:?}");
    terminal.interrupt();
    terminal.until("kv: the query was stopped");
    terminal.until("kv> ");
    terminal.press("SELECT 6 * 7 AS a;\r");
    terminal.until("| 42 |");
    terminal.until("kv> ");
    // Where no query runs, the signal does what it always does.
    terminal.interrupt();
    assert_eq!(terminal.end().0, None);
}

/// The editor takes the signal when it is made, and gave it back to nobody when it went: in the second session of a shell
/// Ctrl-C did nothing.
#[test]
fn a_query_is_stopped_in_every_session_of_a_shell() {
    let kv = filled();
    let mut terminal = Terminal::run(&kv, &["shell"]);
    for _ in 0..2 {
        terminal.until("kv> ");
        terminal.press("sql\r");
        terminal.until("sql");
        terminal.until("kv> ");
        terminal.press(LONG);
        terminal.until(" rows read, ");
        terminal.interrupt();
        terminal.until("kv: the query was stopped");
        terminal.until("kv> ");
        terminal.press("quit\r");
        terminal.until("quit");
    }
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    // Of the last command.
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn commands_say_what_there_is() {
    let kv = filled();
    let mut terminal = shell(&kv);
    terminal.press("tables\r");
    terminal.until("| kv ");
    terminal.until("key Binary, val Binary, version UInt64");
    terminal.until("kv> ");
    terminal.press("\\d history\r");
    terminal.until("| superseded");
    terminal.until("kv> ");
    terminal.press("columns nothing\r");
    terminal.until("kv: ");
    terminal.until("nothing");
    terminal.until("kv> ");
    terminal.press("\\x\r");
    terminal.until("kv: there is no command '\\x'");
    terminal.until("kv> ");
    terminal.press("help\r");
    terminal.until("Ctrl-C stops a query");
    terminal.until("kv> ");
    terminal.press("\\q\r");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn tab_completes_the_names_of_tables_and_columns() {
    let kv = filled();
    let mut terminal = Terminal::run(&kv, &["sql", "--view", "things=b/{number:int}"]);
    terminal.until("kv> ");
    terminal.press("SELECT num\t FROM thi\t ORDER BY 1;\r");
    terminal.until("| number |");
    terminal.until("| 2 ");
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn earlier_queries_come_back_in_the_next_session() {
    let kv = filled();
    let mut terminal = shell(&kv);
    terminal.press("SELECT 6 * 7\rAS a;\r");
    terminal.until("| 42 |");
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, Some(0));

    let history = kv.path("state/kv-lance/sql_history");
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(history.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(fs::read_to_string(&history).unwrap().contains("SELECT 6 * 7\\nAS a;"));

    let mut terminal = shell(&kv);
    terminal.press(UP);
    terminal.until("AS a;");
    terminal.press("\r");
    terminal.until("| 42 |");
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_history_that_cannot_be_kept_is_said_once() {
    let kv = filled();
    kv.file("state/kv-lance", "in the way");
    let mut terminal = Terminal::run(&kv, &["sql"]);
    terminal.until("sql_history is not kept");
    terminal.until("kv> ");
    terminal.press("SELECT 6 * 7 AS a;\r");
    let screen = terminal.until("| 42 |");
    assert!(!screen.contains("is not kept"), "{screen:?}");
    terminal.until("kv> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn bytes_are_not_written_to_a_terminal() {
    let kv = filled();
    for (words, said) in [
        (&["sql", "--format", "parquet", "SELECT 1"][..], "give --out FILE"),
        (&["sql", "--format", "arrow", "SELECT 1"], "give --out FILE"),
        (&["sql", "--format", "arrow", "--out", "-", "SELECT 1"], "give --out FILE"),
        (&["sql", "--format", "parquet"], "--format parquet takes one query"),
        (&["sql", "--out", "x"], "--out takes what a query finds"),
    ] {
        let (code, screen) = Terminal::run(&kv, words).end();
        assert!(code == Some(2) && screen.contains(said) && screen.lines().count() == 1, "{words:?}: {screen:?}");
    }
    let (code, screen) = Terminal::run(&kv, &["sql", "--format", "arrow", "--out", "x", "SELECT 1"]).end();
    assert_eq!((code, screen.as_str(), kv.path("x").exists()), (Some(0), "", true));
}
