//! The command line.

use crate::format::Format;
use crate::point::{Point, parse_version};
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use kv_api::Version;
use kv_lance::{LanceConfig, LanceDatastore};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  kv --store ./demo-store set greeting hello
  kv --store ./demo-store get greeting
  kv --store 'lance:///srv/kv?cache_bytes=1GiB' scan --prefix user/ --limit 10
  KV_STORE=./demo-store kv import ./docs --prefix docs/
  kv tour

Exit codes:
  0  done
  1  get: the key has no value
  2  the command line or a setting is wrong
  3  the store, or a file that was to be read, could not be used
  4  verify, repair: the store is damaged";

const ENVIRONMENT: &str = "\
RUST_LOG says what is logged to the standard error: a level (error, warn, info, debug, trace), or levels by target as in
'warn,kv_lance=debug'. Without it nothing is.";

const GET_EXAMPLES: &str = "\
Examples:
  kv get greeting
  kv get greeting --at 2026-04-01T12:00:00Z
  kv get greeting --at tag:release-1
  kv get docs/logo.png --raw > logo.png
  kv --hex get 00ff";

const SET_EXAMPLES: &str = "\
Examples:
  kv set greeting hello
  kv set docs/logo.png --file logo.png
  date | kv set now --file -
  kv --hex set 00ff cafe";

const SCAN_EXAMPLES: &str = "\
Examples:
  kv scan --prefix user/ --limit 10
  kv scan --from a --to m --reverse --keys-only
  kv --json scan --at 2026-04-01T12:00:00Z | jq -r .key

Without --json a line is the key, a tab and the value.";

const SQL_EXAMPLES: &str = "\
Examples:
  kv sql \"SELECT count(*) FROM kv WHERE key LIKE 'user/%'\"
  kv sql \"SELECT key, CAST(val AS VARCHAR) AS val FROM kv WHERE key >= 'user/5' ORDER BY key LIMIT 10\"
  kv sql \"SELECT key FROM kv_at('2026-04-01T12:00:00Z') EXCEPT SELECT key FROM kv\"
  kv sql --view 'orders=user/{user}/order/{n:int}' 'SELECT item, sum(price) FROM orders GROUP BY item'
  kv sql \"SELECT val ->> 'city' AS city, count(*) FROM kv WHERE key LIKE 'user/%' GROUP BY city\"
  kv sql --format parquet --out kv.parquet 'SELECT * FROM kv'
  kv sql                                without a query: those of the standard input, each up to its ';'

The table kv has the columns key and val, which are bytes and can be compared with text, and version, of the
commit that wrote the row; kv_at(VERSION), kv_at('TIME') and kv_at('tag:NAME') are the same as it was. CAST(val AS VARCHAR) makes
text of bytes, which most functions ask for; val ->> 'field' and val -> 'field' -> 0 look into JSON, as do json_get_int
and others. All queries of a command read one point in time. EXPLAIN shows what is read. Bytes are printed as
the other commands print them, but for --format arrow and parquet. A table is held in memory until it is complete; csv,
json and arrow are printed as they come, parquet by groups of rows. Typed at a terminal, 'help' says what there is.";

const TAG_EXAMPLES: &str = "\
Examples:
  kv tag release-1                      the newest commit
  kv tag before-the-move --at 2026-04-01T12:00:00Z
  kv scan --at tag:release-1

The version can be read for as long as the tag is there, whatever the retention; what is erased is erased there too.
Without --at it is a tag of the Lance dataset kv.lance as well, which then shows other readers the store as it is now:
of each key the row with the greatest version, unless that is a tombstone. Of an older version the dataset has none.
A name has ASCII letters, digits, '.', '-' and '_'.";

const TAGS_EXAMPLES: &str = "\
Examples:
  kv tags
  kv --json tags | jq -r .tag

Without --json a line is the name, a tab, the version, a tab and the time at which the tag was made.";

const UNTAG_EXAMPLES: &str = "\
Examples:
  kv untag release-1 && kv compact      its history goes with the compaction

What outside readers found under the tag goes too, ten minutes after it was replaced.";

const ADOPT_EXAMPLES: &str = "\
Examples:
  kv publish
  python3 -c 'import lance; lance.dataset(\"kv-store/published.lance\").delete(\"key < CAST(0x6b AS BINARY)\")'
  kv adopt

Rows that were appended, merged or updated set their keys, those that were deleted delete them, as one transaction. Where one of
the keys has been committed otherwise since it was published, nothing is taken in.";

const BRANCH_EXAMPLES: &str = "\
Examples:
  kv branch ./experiment
  kv branch ./as-released --from release-1
  kv diff --with ./experiment

The new store has the files of this one, by hard links, and nothing else in common with it: each is written to, compacted and
removed by itself. Only what either writes from then on takes more space. A tag to begin from was made without --at.";

const PUBLISH_EXAMPLES: &str = "\
Examples:
  kv publish
  kv publish --tag monday && python3 -c 'import lance; print(lance.dataset(\"kv-store/published.lance\", version=\"monday\").count_rows())'

The dataset has the columns key, version, tombstone and val, and exactly one row for each key. It has the store's own files,
with the rows that are older or deleted hidden, so that nothing is copied. Without a tag a version of it can be read for
ten minutes after the next has replaced it.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  kv import ./docs --prefix docs/       each file: its relative path → its bytes
  kv import users.jsonl --key id        each line: the field 'id' → the line
  kv import users.csv --key id          each row: the column 'id' → the row as a JSON object
  kv import all.jsonl --key key --value value      what 'kv --json scan' printed

A field is a string, or a number or boolean as it is written, or bytes as {\"hex\": \"…\"}.
From a folder it leaves out symbolic links, '.git', folders tagged as a cache (as cargo's 'target' is) and the
store itself, and says how many. A line that cannot be read ends the import: nothing of its batch is written.";

const CHANGES_EXAMPLES: &str = "\
Examples:
  kv changes                            every commit that is retained, oldest first
  kv changes --since 2026-04-01T12:00:00Z --prefix user/
  kv --json changes --since 117440512 | kv --store ./copy import /dev/stdin --key key --value value
  kv changes --arrow > changes.arrows   a stream of record batches (version, key, val, tombstone)

A line is the version of the commit, a tab, 'set', a tab, the key, a tab and the value; or 'del' and the key. With
--json it is an object whose value is null for a deletion. What comes later is not waited for: as one process opens a
store at a time, there is no other that writes; 'watch' of 'kv shell' shows what the shell itself commits. The version of
the last line is where the next call goes on. Where commits after --since are past the retention, nothing is printed.";

const DIFF_EXAMPLES: &str = "\
Examples:
  kv diff tag:release-1 tag:release-2
  kv diff 2026-04-01T12:00:00Z --prefix user/     up to now
  kv --json diff tag:release-1 | jq -r 'select(.new == null) | .key'
  kv diff --with ./experiment                     what a branch has otherwise

A line is '+', a tab, the key, a tab and the value for a key that is new; '-' and the same for one that is gone, with
the value that it had; '~', the key, the old value and the new one for one that has changed. With --json it is an object
in which what is not there is null. Keys are in their order. One that was set to the value that it had is left out.";

const WATCH_EXAMPLES: &str = "\
Examples:
  printf 'watch --prefix docs/\nimport ./docs --prefix docs/\nset other 1\n' | kv shell

After each command, what it has committed is printed as 'changes' prints it.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  kv restore
  kv restore --export theirs.jsonl
  kv import theirs.jsonl --key key --value val      takes them into the store

Exported are the rows of the other tool's version of the table that the store does not have, those with the
smallest version first; all of them where it changed the columns. Each is a line: a JSON object of its columns,
in which bytes that are not UTF-8 are {\"hex\": \"…\"}. Where they cannot be written, nothing is restored.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  kv verify
  kv --store /backup/kv verify && echo sound
  kv --json verify | jq -r 'select(.damage) | .path'

Read are the journal, every block of every run with all checksums, the manifests and what these say of each other.
A line for each thing that is wrong names the file and says what; the last line says what was read.";

const REPAIR_EXAMPLES: &str = "\
Examples:
  kv repair --into ./saved ./demo-store
  kv --store /srv/kv repair --into /backup/saved --strict
  kv --json repair --into ./saved | jq -r 'select(.damage) | .path'

Saved is of each key the newest value that can be read and has the right checksum; older versions are not, and those
of the new store are new. The damaged store is only read, and stays as it is. Exit code 0: nothing was damaged, and
all of it is in the new store; 4: something was, and what could be saved is there.

Where something cannot be read, a newer value of a key, or its deletion, may have been lost with it: an older value
that is found is doubtful. It is saved and counted, or with --strict left out. A line for each thing that is damaged
names the file, the keys between which something may be lost, and how many rows cannot be read where that is known.
A commit in the journal is saved whole or not at all; of one that was in a run, some rows may be saved and others not.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  kv doctor
  kv --store 'lance:///srv/kv?sync=interval' doctor
  kv --json doctor | jq -r '.advice[]'

Shown are the settings as they are resolved and where each comes from, the file system, what an fdatasync takes there,
and the limits of the machine; then what that advises. The store need not be there, and may be open elsewhere: nothing
of it is opened. To measure, a file is made in its folder, or in the first above it that is there, and removed again;
under --read-only that is left out.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  kv completions bash > ~/.local/share/bash-completion/completions/kv
  kv completions zsh > ~/.zfunc/_kv
  kv completions fish > ~/.config/fish/completions/kv.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  kv man | man -l -
  kv man --into ~/.local/share/man/man1      a page for each command: man kv-get";

const STAT_EXAMPLES: &str = "\
Examples:
  kv stat
  kv --json stat | jq .levels
  kv stat --watch                       until it is interrupted, each second what has changed
  kv stat --watch 10 --count 7          for a minute
  printf 'import ./docs\nstat --watch 1 --count 60\n' | kv shell

As one process opens a store at a time, this shows what the store does by itself once it is open: it replays
its journal, flushes, and merges runs. Under 'kv shell' it shows the same while that has the store open. How
another process's store is doing, that process has to tell. With --json each time the whole of it is printed.";

const SHELL_EXAMPLES: &str = "\
Examples:
  printf 'set a 1\nset b \"two words\"\nflush\n' | kv shell
  kv shell < commands.txt

A line is a command as on the command line, with quotes as a shell has them, or empty, or a comment after '#'.
One that fails is said at once and the next one runs; the exit code is then that of the last that failed, where
a key without a value is no failure.";

/// The heading of the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// A transactional key-value store in a Lance dataset: read it, write it, look after it.
///
/// Keys and values are bytes. They are printed as text where they are text, with \xNN for other bytes;
/// --hex and --json print them without loss.
#[derive(Debug, Parser)]
#[command(name = "kv", version, verbatim_doc_comment)]
pub(crate) struct Args {
    /// The store: lance:///absolute/path, lance:relative/path or a path; then '?' and parameters
    #[arg(long, value_name = "URL", env = "KV_STORE", global = true, help_heading = EVERYWHERE)]
    pub(crate) store: Option<String>,

    /// Open the store to read what has been flushed, whoever else has it open: takes no lock and writes nothing
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) read_only: bool,

    #[command(flatten)]
    format: FormatArgs,

    /// How what RUST_LOG asks for is written to the standard error
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = LogFormat::Text, global = true, help_heading = EVERYWHERE)]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, ClapArgs)]
struct FormatArgs {
    /// Read and print keys and values in hexadecimal
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    hex: bool,

    /// Print one JSON object a line; bytes that are not UTF-8 are {"hex": "…"}
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for a person
    Text,
    /// A JSON object a line
    Json,
}

/// A line of `kv shell`.
#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_version_flag = true)]
pub(crate) struct Line {
    #[command(flatten)]
    format: FormatArgs,

    #[command(subcommand)]
    pub(crate) command: LineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LineCommand {
    #[command(flatten)]
    Work(Work),
    /// Under --read-only: move on to what another process has flushed since
    Refresh,
    /// From here on print what each command commits
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Watch),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Work(Work),
    /// Put the store's rows back after another tool has changed its table; what that made stays under a tag
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Read all of a closed store without changing it, and name what is damaged; exit code 4 where anything is
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify,
    /// Save what can be saved of a damaged store into a new one, and say what is lost; exit code 4 where anything is damaged
    #[command(after_help = REPAIR_EXAMPLES)]
    Repair(Repair),
    /// Look at how a store is configured and at what it would run on, and give advice
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor,
    /// Run commands from the standard input, one a line, in a store that stays open
    #[command(after_help = SHELL_EXAMPLES)]
    Shell,
    /// A guided tour: imports a folder into a new store and shows what the store does, step by step, timed
    Tour(Tour),
    /// Print what completes command lines of kv in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Print the manual page, or write one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man(Man),
}

/// What works on an open store.
#[derive(Debug, Subcommand)]
pub(crate) enum Work {
    /// Print the value of a key; exit code 1 where it has none
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// Give a key a value
    #[command(after_help = SET_EXAMPLES)]
    Set(Set),
    /// Delete keys, in one transaction
    Del(Del),
    /// Print the entries of a range, in the order of their keys
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(Scan),
    /// Print what has been committed after a version, up to now
    #[command(after_help = CHANGES_EXAMPLES)]
    Changes(Changes),
    /// Print which keys have other values at one point than at another
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Count the keys of a range
    Count(Count),
    /// Query the store with SQL
    #[command(after_help = SQL_EXAMPLES)]
    Sql(Sql),
    /// Give the newest version, or an older one, a name and keep it
    #[command(after_help = TAG_EXAMPLES)]
    Tag(Tag),
    /// Print the tags, in the order of their names
    #[command(after_help = TAGS_EXAMPLES)]
    Tags,
    /// Remove a tag
    #[command(after_help = UNTAG_EXAMPLES)]
    Untag(Untag),
    /// Make a new store that begins with what this one holds
    #[command(after_help = BRANCH_EXAMPLES)]
    Branch(Branch),
    /// Make the Lance dataset published.lance, in the store, show each key once, as it is now
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(Publish),
    /// Remove the name of a publication
    Unpublish(Unpublish),
    /// Take in what other tools have written to published.lance since it was published, and publish again
    #[command(after_help = ADOPT_EXAMPLES)]
    Adopt,
    /// Import a folder, or a .jsonl, .csv or .tsv file
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Print the store's version, capabilities and figures
    #[command(after_help = STAT_EXAMPLES)]
    Stat(Stat),
    /// Print how the dataset's runs lie on their levels, and what lies in history
    Levels(Levels),
    /// Write what is in memory and in the journal to the Lance dataset
    Flush,
    /// Merge the dataset's runs into one, without the history that is past its retention
    Compact(Compact),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Get {
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) at: At,
    /// Print the bytes of the value as they are, without a newline after them
    #[arg(long, conflicts_with_all = ["hex", "json"])]
    pub(crate) raw: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Set {
    pub(crate) key: OsString,
    #[arg(required_unless_present = "file", allow_negative_numbers = true)]
    pub(crate) value: Option<OsString>,
    /// Take the value from a file, byte for byte; '-' is the standard input
    #[arg(long, value_name = "PATH", conflicts_with = "value")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Del {
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// From the last key to the first
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most N entries
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Without the values
    #[arg(long)]
    pub(crate) keys_only: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Changes {
    /// The commits after this version, or after this time as in 2026-04-01T12:00:00Z
    #[arg(long, value_name = "VERSION|RFC3339", value_parser = parse_since, default_value = "0")]
    pub(crate) since: Version,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Write a stream of Arrow record batches
    #[arg(long, conflicts_with_all = ["hex", "json"])]
    pub(crate) arrow: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Diff {
    /// The first point: a version, a time as in 2026-04-01T12:00:00Z, or a tag as in tag:NAME
    #[arg(value_name = "A", value_parser = Point::parse, required_unless_present = "with")]
    pub(crate) from_point: Option<Point>,
    /// The second one; without it, now
    #[arg(value_name = "B", value_parser = Point::parse)]
    pub(crate) to_point: Option<Point>,
    /// Instead of two points, the newest versions of this store and of another, as of a branch
    #[arg(long, value_name = "URL", conflicts_with_all = ["from_point", "to_point"])]
    pub(crate) with: Option<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Count {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sql {
    /// The query, or several with ';' between them
    pub(crate) query: Option<String>,
    /// A table of the keys like 'user/{id}/order/{n:int}', whose values are JSON objects (see --values): its columns are the
    /// parts of the keys and the fields of the objects, as the first 1000 of them have them
    #[arg(long = "view", value_name = "NAME=PATTERN", value_parser = parse_view)]
    pub(crate) views: Vec<NamedPattern>,
    /// What the values of views are
    #[arg(long, value_enum, value_name = "ENCODING", default_value_t = Values::Json, requires = "views")]
    pub(crate) values: Values,
    /// What becomes of rows of a view whose value is no such object
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Undecodable::Error, requires = "views")]
    pub(crate) undecodable: Undecodable,
    /// How rows are printed; table, or under --json json
    #[arg(long, value_enum)]
    pub(crate) format: Option<SqlFormat>,
    /// The new file that the rows go to; - is the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// A view and what its keys look like.
#[derive(Debug, Clone)]
pub(crate) struct NamedPattern {
    pub(crate) name: String,
    pub(crate) pattern: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Values {
    /// JSON objects
    Json,
    /// CBOR maps
    Cbor,
    /// MessagePack maps
    Msgpack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Undecodable {
    /// The query fails
    Error,
    /// The columns of its value are null
    Null,
    /// It is left out
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlFormat {
    /// Columns for a person
    Table,
    /// With a line of names first
    Csv,
    /// An object a line, without what is null
    Json,
    /// A stream of Arrow record batches
    Arrow,
    /// A Parquet file
    Parquet,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RangeArgs {
    /// Only keys that begin with P
    #[arg(long, value_name = "P")]
    pub(crate) prefix: Option<OsString>,
    /// Only keys from K on
    #[arg(long, value_name = "K")]
    pub(crate) from: Option<OsString>,
    /// Only keys before K
    #[arg(long, value_name = "K")]
    pub(crate) to: Option<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct At {
    /// As of this version, this time as in 2026-04-01T12:00:00Z, or this tag as in tag:NAME
    #[arg(long = "at", value_name = "VERSION|RFC3339|tag:NAME", value_parser = Point::parse)]
    pub(crate) point: Option<Point>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tag {
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Untag {
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Branch {
    /// The directory of the new store
    #[arg(value_name = "DIR")]
    pub(crate) into: PathBuf,
    /// As it was when this tag was made, without history
    #[arg(long, value_name = "TAG")]
    pub(crate) from: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// The name, in Lance, of the version of the dataset, which stays for as long as the name does
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Unpublish {
    pub(crate) tag: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// A folder, or a file that ends in .jsonl, .csv or .tsv
    pub(crate) path: PathBuf,
    /// The field or column that holds the key; for a file
    #[arg(long, value_name = "COLUMN")]
    pub(crate) key: Option<String>,
    /// Take this field or column as the value, instead of the whole line or row; a null deletes the key
    #[arg(long, value_name = "COLUMN", requires = "key")]
    pub(crate) value: Option<String>,
    /// Put this before every key
    #[arg(long, value_name = "P")]
    pub(crate) prefix: Option<OsString>,
    /// Commit after N entries (and after 4 MiB)
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Stat {
    /// Then print, every so many seconds and until it is interrupted, what has changed
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = parse_seconds)]
    pub(crate) watch: Option<Duration>,
    /// Print N times in all
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Levels {
    /// A line for each run instead of each level
    #[arg(long)]
    pub(crate) runs: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Compact {
    /// Keep the newest value of each key only, whatever the retention: older versions cannot be read any more
    #[arg(long)]
    pub(crate) no_history: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    /// First write the other tool's rows to a new file, as JSON lines that 'kv import' reads; '-' is the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Repair {
    /// The damaged store, as for --store, which it goes before
    #[arg(value_name = "STORE")]
    pub(crate) damaged: Option<String>,
    /// Where to make the new store: a URL or a path, where there is nothing or an empty folder
    #[arg(long, value_name = "NEW")]
    pub(crate) into: String,
    /// Leave out every key of which a newer value, or its deletion, may have been lost
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tour {
    /// The folder to import
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) source: PathBuf,
    /// Where to make the store; what an earlier tour made there is removed
    #[arg(long, value_name = "DIR", default_value = "./demo-store")]
    pub(crate) into: PathBuf,
}

impl Args {
    /// Parses the command line; prints the help or the mistake, and ends the process, where that is what was asked for.
    pub(crate) fn from_command_line() -> Self {
        Self::from_arg_matches(&Self::complete_command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The command, with what is said behind its options.
    pub(crate) fn complete_command() -> clap::Command {
        let after = format!("{}\n\n{EXAMPLES}\n\n{ENVIRONMENT}", knobs());
        Self::command().after_help(EXAMPLES).after_long_help(after)
    }

    pub(crate) fn format(&self) -> Format {
        Format { hex: self.format.hex, json: self.format.json }
    }
}

impl Command {
    /// Whether it can do with a store that is open to be read alone.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            // Of the commands of a shell each is refused by itself.
            Self::Verify | Self::Doctor | Self::Shell | Self::Completions(_) | Self::Man(_) => true,
            Self::Restore(_) | Self::Repair(_) | Self::Tour(_) => false,
            Self::Work(work) => work.only_reads(),
        }
    }
}

impl Work {
    fn only_reads(&self) -> bool {
        match self {
            Self::Get(_)
            | Self::Scan(_)
            | Self::Diff(_)
            | Self::Count(_)
            | Self::Sql(_)
            | Self::Tags
            | Self::Stat(_) => true,
            Self::Levels(_) => true,
            Self::Set(_) | Self::Del(_) | Self::Changes(_) | Self::Tag(_) | Self::Untag(_) | Self::Import(_) => false,
            Self::Branch(_) | Self::Publish(_) | Self::Unpublish(_) | Self::Adopt | Self::Flush | Self::Compact(_) => {
                false
            }
        }
    }
}

impl Line {
    /// What the shell was started with counts for every line.
    pub(crate) fn format(&self, shell: Format) -> Format {
        Format { hex: self.format.hex || shell.hex, json: self.format.json || shell.json }
    }
}

/// The parameters of a store's URL.
fn knobs() -> String {
    let mut text = String::from("Parameters of a store's URL, each also an environment variable KV_LANCE_<NAME>:");
    for (name, default, allowed) in LanceConfig::knobs() {
        text.push_str(&format!("\n  {:<24}  {allowed}", format!("{name}={default}")));
    }
    text
}

/// A tenth of a second to a day.
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "0.1 to 86400 seconds are allowed".into())
}

fn parse_view(text: &str) -> Result<NamedPattern, String> {
    let (name, pattern) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("it has no 'NAME='")?;
    Ok(NamedPattern { name: name.into(), pattern: pattern.into() })
}

fn parse_since(text: &str) -> Result<Version, String> {
    parse_version(text).map(|(version, _)| version)
}

impl At {
    /// The version to read at; `None` for the newest.
    pub(crate) async fn version(&self, store: &LanceDatastore) -> kv_api::Result<Option<Version>> {
        match &self.point {
            Some(point) => point.version(store).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        Line::command().debug_assert();
    }
}
