//! What the process that is killed does, and says of it.

use crate::database::Database;
use std::fmt::Write as _;

/// The environment variable with the store's URL.
pub(crate) const STORE: &str = "KV_SURREALDB_KILL_STORE";

/// Said once clients write.
pub(crate) const READY: &str = "clients write";

pub(crate) const CLIENTS: usize = 6;
pub(crate) const ACCOUNTS: usize = 60;
pub(crate) const BALANCE: usize = 1000;

pub(crate) fn schema() -> String {
    let mut schema = String::from(
        "DEFINE NAMESPACE tour; USE NS tour; DEFINE DATABASE tour; USE DB tour;
         DEFINE TABLE account; DEFINE TABLE counter; DEFINE TABLE paid TYPE RELATION FROM account TO account;
         DEFINE INDEX balance ON account FIELDS balance; DEFINE INDEX amount ON paid FIELDS amount;
         DEFINE INDEX code ON paid FIELDS code UNIQUE; DEFINE INDEX all ON paid COUNT;
         CREATE counter:all SET n = 0;",
    );
    for account in 0..ACCOUNTS {
        write!(schema, "CREATE account:{account} SET balance = {BALANCE};").unwrap();
    }
    for client in 0..CLIENTS {
        write!(schema, "CREATE counter:{client} SET n = 0;").unwrap();
    }
    schema
}

/// Money goes from one account to another: an edge says so, and the client counts it.
fn payment(client: usize, n: usize) -> String {
    let from = (n * 7 + client * 5) % ACCOUNTS;
    let to = (from + 1 + n % (ACCOUNTS - 1)) % ACCOUNTS;
    let amount = 1 + n % 9;
    format!(
        "BEGIN; UPDATE account:{from} SET balance -= {amount}; UPDATE account:{to} SET balance += {amount};
         RELATE account:{from}->paid:[{client}, {n}]->account:{to} SET amount = {amount}, code = '{client}-{n}';
         UPDATE counter:{client} SET n = {}; COMMIT",
        n + 1
    )
}

/// Not a test by itself: a process that goes on until it is killed. What has been acknowledged is
/// said in lines: `paid`, the client and how many payments it has made; `counted`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "what is killed"]
async fn the_process_that_is_killed() {
    let Ok(url) = std::env::var(STORE) else { return };
    let db = Database::open(&url).await.unwrap();
    println!("\n{READY}");
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let db = db.clone();
        clients.spawn(async move {
            let made = db.run(&format!("SELECT VALUE n FROM ONLY counter:{client}")).await.unwrap();
            let mut n = made.into_int().unwrap() as usize;
            loop {
                db.run_with_retries(&payment(client, n)).await.unwrap();
                n += 1;
                println!("paid {client} {n}");
                if n.is_multiple_of(4) {
                    db.run_with_retries("UPDATE counter:all SET n += 1").await.unwrap();
                    println!("counted");
                }
            }
        });
    }
    // None ends; one that fails is to be seen.
    clients.join_next().await.unwrap().unwrap();
}
