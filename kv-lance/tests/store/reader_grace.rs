//! Files that have been replaced: those that nobody reads go as soon as the store says, and those that another process reads
//! stay for as long as it does, for that process alone.

use super::*;
use kv_lance::Durability;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What the process that reads is told where the store is by.
const STORE: &str = "KV_LANCE_READ_BY_A_PROCESS";
const KEYS: usize = 200;

fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 12)
        .partition_bytes(1 << 12)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

/// Gives every key the value `n`, and merges all files into new ones.
async fn replace_all(store: &LanceDatastore, n: usize) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for key in 0..KEYS {
        tx.set(format!("key{key:04}").into(), format!("{n} {}", "x".repeat(40)).into()).await?;
    }
    tx.commit().await?;
    store.compact().await?;
    store.current_version().await
}

/// A process that reads the store alone.
struct Reading {
    process: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reading {
    /// Returns once it has opened the store.
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "reader_grace::reads_for_another_process", "--ignored", "--nocapture"]);
        command.env(STORE, dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (asked, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut reading = Self { process, asked, answers };
        assert_eq!(reading.answer(), "opened");
        reading
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.asked, "{what}").unwrap();
        self.answer()
    }

    /// The next line that is meant for us.
    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the process has ended");
            // The first comes behind the name of the test.
            if let Some((_, answer)) = line.trim_end().split_once("reader: ") {
                return answer.to_owned();
            }
        }
    }

    /// How many files it has open that have no name any more.
    fn nameless_files(&self) -> usize {
        let handles = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        let open = handles.filter_map(|handle| std::fs::read_link(handle.unwrap().path()).ok());
        open.filter(|path| path.to_string_lossy().ends_with(".lance (deleted)")).count()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Run by [`Reading`].
#[tokio::test]
#[ignore = "a process of its own runs it"]
async fn reads_for_another_process() {
    let Some(dir) = std::env::var_os(STORE) else { return };
    let reader = LanceDatastore::open_read_only(config(Path::new(&dir))).await.unwrap();
    println!("reader: opened");
    for line in std::io::stdin().lock().lines() {
        if line.unwrap() == "refresh" {
            reader.refresh().await.unwrap();
        }
        let rows = all(&reader, None).await.unwrap();
        let (_, first) = rows.first().unwrap();
        assert!(rows.len() == KEYS && rows.iter().all(|(_, val)| val == first), "{rows:?}");
        println!("reader: {}", first.split(' ').next().unwrap());
    }
}

/// That no file is there but those of the newest state.
fn nothing_is_left(store: &LanceDatastore, dir: &Path) {
    let runs = figure(store, "runs") + store.history().len() as u64;
    assert_eq!(run_files(&dir.join("runs")), runs);
    assert_eq!(run_files(&dir.join("kv.lance/data")), figure(store, "runs"));
}

#[tokio::test]
async fn what_a_process_reads_stays_and_what_nobody_reads_goes_at_once() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).retention(Duration::from_millis(1)).reader_grace(Duration::ZERO)).await?;
    replace_all(&store, 0).await?;
    nothing_is_left(&store, dir.path());
    let (mut stays, mut moves) = (Reading::start(dir.path()), Reading::start(dir.path()));
    assert_eq!(stays.nameless_files(), 0);
    for n in 1..=4 {
        replace_all(&store, n).await?;
        nothing_is_left(&store, dir.path());
        assert_eq!(moves.ask("refresh"), n.to_string());
        assert_eq!(moves.nameless_files(), 0, "it has let go of what it had");
        assert_eq!(stays.ask("look"), "0");
        assert!(stays.nameless_files() > 0);
    }
    // One that is killed holds nothing and keeps nobody from anything.
    replace_all(&store, 5).await?;
    assert!(moves.nameless_files() > 0);
    drop(moves);
    replace_all(&store, 6).await?;
    nothing_is_left(&store, dir.path());
    assert_eq!(stays.ask("look"), "0");
    store.shutdown().await?;
    assert_eq!((stays.ask("look"), stays.ask("refresh")), ("0".into(), "6".into()));
    assert_eq!(stays.nameless_files(), 0);
    Ok(())
}

/// By default, for readers from outside, which hold nothing.
#[tokio::test]
async fn within_the_grace_replaced_files_stay() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    replace_all(&store, 0).await?;
    let before = lance::Dataset::open(dir.path().join("kv.lance").to_str().unwrap()).await.unwrap();
    replace_all(&store, 1).await?;
    let mut at_once = kv_lance::CompactOptions::default();
    assert_eq!(at_once.reader_grace, None);
    store.compact_with(at_once).await?;
    assert_eq!(before.scan().try_into_batch().await.unwrap().num_rows(), KEYS);
    assert!(run_files(&dir.path().join("kv.lance/data")) > figure(&store, "runs"));
    at_once.reader_grace = Some(Duration::ZERO);
    store.compact_with(at_once).await?;
    assert_eq!(run_files(&dir.path().join("kv.lance/data")), figure(&store, "runs"));
    Ok(())
}

/// A publication has names of its own for its files, which stay for its readers whatever the store's grace is.
#[tokio::test]
async fn readers_of_a_publication_have_their_time() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).reader_grace(Duration::ZERO)).await?;
    replace_all(&store, 0).await?;
    store.publish(None).await?;
    let published = lance::Dataset::open(dir.path().join("published.lance").to_str().unwrap()).await.unwrap();
    for n in 1..=3 {
        replace_all(&store, n).await?;
        store.publish(None).await?;
    }
    nothing_is_left(&store, dir.path());
    assert_eq!(published.scan().try_into_batch().await.unwrap().num_rows(), KEYS);
    Ok(())
}
