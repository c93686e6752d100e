//! The child: opens the store, writes to it from several threads, and says on standard output what
//! was acknowledged, until it is killed or has written as much as it was told to.

use super::client::{Client, Sink, failed};
use super::plan::CLIENTS;
use super::report::Report;
use super::session::Session;
use crate::backend::Backend;
use crate::case::Random;
use futures::future::try_join_all;
use kv_api::Datastore;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Threads that the clients run on.
pub(super) const THREADS: usize = 4;

/// Runs the child of a crash test, where this process was started as one; `None` where it was not.
/// For programs that run [`CrashLoop`](super::CrashLoop) themselves: [`run`](crate::run) begins
/// with it.
pub fn child(backends: &[Backend]) -> Option<ExitCode> {
    let told = Session::told(backends)?;
    let ended = told.and_then(|(backend, session)| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.block_on(work(&backend, &session, &(Arc::new(say) as Sink)))
    });
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(Report::Wrong(problem));
            ExitCode::FAILURE
        }
    })
}

/// Writes a line with one system call: it is in the pipe as a whole, or not. Nothing is left to do
/// once nobody reads it.
fn say(report: Report) {
    let line = format!("{report}\n");
    let mut out = std::io::stdout().lock();
    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// All that a child does.
pub(super) async fn work(backend: &Backend, session: &Session, sink: &Sink) -> Result<(), String> {
    let db = backend.open(&session.dir).await.map_err(|e| failed("opening", &e))?;
    sink(Report::Opened);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::find(db.clone(), session.seed, number, sink).await?);
    }
    let maintenance = tokio::spawn(maintain(db.clone(), session.round, sink.clone()));
    let running = clients.into_iter().map(|client| {
        let (sink, count) = (sink.clone(), session.transactions);
        ended(tokio::spawn(async move { client.run(count, &sink).await }))
    });
    tokio::select! {
        done = write(running.collect(), session.closes) => done?,
        failed = ended(maintenance) => failed?,
    }
    sink(Report::Closing);
    db.shutdown().await.map_err(|e| failed("shutting down", &e))?;
    drop(db);
    sink(Report::Closed);
    Ok(())
}

/// Waits for the clients, and then for ever unless the store is to be closed.
async fn write(running: Vec<impl Future<Output = Result<(), String>>>, closes: bool) -> Result<(), String> {
    try_join_all(running).await?;
    if closes { Ok(()) } else { std::future::pending().await }
}

/// Waits for the end of a task. One that is cancelled has been killed with all the others, and
/// nothing follows.
async fn ended(task: JoinHandle<Result<(), String>>) -> Result<(), String> {
    match task.await {
        Ok(ended) => ended,
        Err(e) if e.is_cancelled() => std::future::pending().await,
        Err(e) => Err(e.to_string()),
    }
}

/// Flushes and compacts now and then, for ever.
async fn maintain(db: Arc<dyn Datastore>, round: u64, sink: Sink) -> Result<(), String> {
    let mut random = Random::of(&[round]);
    loop {
        tokio::time::sleep(Duration::from_millis(random.below(60) as u64)).await;
        sink(Report::Maintaining);
        let done = if random.chance(60) { db.flush().await } else { db.compact().await };
        done.map_err(|e| failed("flushing or compacting", &e))?;
    }
}
