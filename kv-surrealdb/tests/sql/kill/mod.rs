//! A process that several clients write through is killed, and what its store holds afterwards is
//! asked for in SurrealQL.
//!
//! `KV_SURREALDB_KILLS=100` kills more often than by default, `KV_SURREALDB_SEED=7` at other
//! moments.

mod books;
mod load;

use crate::database::Database;
use crate::differential::random::Random;
use books::Books;
use load::STORE;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const KILLS: usize = 6;

/// How often one store's process is killed; then a new store is taken.
const OF_ONE_STORE: usize = 3;

/// In turn: what kv-lance is opened with. What a killed process has written is there also where it
/// was not synced.
const PARAMETERS: &[&str] = &[
    "",
    "?memtable_bytes=16KiB&partition_bytes=16KiB&block_bytes=1KiB",
    "?sync=interval",
    "?commit_on=thread",
    "?versioned=false&memtable_bytes=64KiB&partition_bytes=64KiB",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill_and_everything_agrees() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<usize>().unwrap());
    let mut left = number("KV_SURREALDB_KILLS").unwrap_or(KILLS);
    let seed = number("KV_SURREALDB_SEED").unwrap_or_else(|| std::process::id() as usize);
    println!("KV_SURREALDB_SEED={seed}");
    let mut random = Random::new(seed as u64);
    for parameters in PARAMETERS.iter().cycle() {
        let kills = left.min(OF_ONE_STORE);
        if kills == 0 {
            return;
        }
        left -= kills;
        store(parameters, kills, &mut random).await;
    }
}

async fn store(parameters: &str, kills: usize, random: &mut Random) {
    let folder = tempfile::tempdir().unwrap();
    let url = crate::url(&folder, parameters);
    let db = Database::open(&url).await.unwrap();
    db.run(&load::schema()).await.unwrap();
    db.close().await.unwrap();
    let mut books = Books::default();
    for kill in 1..=kills {
        let mut process = start(&url);
        // From when clients write, but now and then while the store is being opened.
        let early = random.chance(15);
        let after = Duration::from_millis(random.below(if early { 300 } else { 1500 }) as u64);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (ready, writing) = tokio::sync::oneshot::channel();
        let reader = std::thread::spawn(move || {
            let mut ready = Some(ready);
            let mut all = Vec::new();
            for line in lines {
                if line == load::READY {
                    ready.take().unwrap().send(()).unwrap();
                }
                all.push(line);
            }
            all
        });
        if !early {
            writing.await.unwrap();
        }
        tokio::time::sleep(after).await;
        process.kill().unwrap();
        reader.join().unwrap().iter().for_each(|line| books.enter(line));
        assert_eq!(process.wait().unwrap().code(), None, "the process ended by itself");
        let db = Database::open(&url).await.unwrap();
        let checked = books.check(&db).await;
        assert!(checked.is_ok(), "{url}, kill {kill}: {}", checked.err().unwrap());
        println!("lance{parameters}, kill {kill} after {after:?}{}: {books}", if early { " of opening" } else { "" });
        db.close().await.unwrap();
    }
}

/// This program once more, as the process that writes.
fn start(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::load::the_process_that_is_killed", "--ignored", "--nocapture"])
        .env(STORE, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
