//! A child that writes until it is killed, as its parent sees it.

use super::child::{THREADS, work};
use super::client::Sink;
use super::report::Report;
use super::session::Session;
use crate::backend::Backend;
use crate::fixture::Failure;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// How long a runtime in this process may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// A running child.
pub(super) struct Victim {
    reports: Receiver<Report>,
    body: Body,
}

enum Body {
    /// This program once more.
    Process(Child),
    /// Tasks in this process, for stores that stand in for one on disk.
    Tasks(Runtime),
}

/// What came, or did not come, from a child.
pub(super) enum Heard {
    Report(Report),
    /// Not yet.
    Nothing,
    /// It has ended.
    End,
}

impl Victim {
    pub(super) fn start(backend: &Backend, session: &Session) -> Result<Self, Failure> {
        let (sender, reports) = channel();
        let body = match backend.dies_in_process {
            true => Body::Tasks(tasks(backend.clone(), session.clone(), sender)?),
            false => Body::Process(process(backend, session, sender)?),
        };
        Ok(Self { reports, body })
    }

    /// Waits for the next report.
    pub(super) fn hear(&self, until: Instant) -> Heard {
        match self.reports.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(report) => Heard::Report(report),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// Kills it, wherever it is, and hands out what it had said and was not heard.
    pub(super) fn kill(self) -> Result<Vec<Report>, Failure> {
        match self.body {
            Body::Process(mut child) => {
                child.kill()?;
                child.wait()?;
            }
            Body::Tasks(runtime) => runtime.shutdown_timeout(STOP),
        }
        Ok(self.reports.iter().collect())
    }
}

fn process(backend: &Backend, session: &Session, sender: Sender<Report>) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    session.tell(&mut command, backend);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().ok_or_else(|| Failure::new("a child has no standard output"))?;
    std::thread::Builder::new().name("reports".into()).spawn(move || {
        for line in BufReader::new(out).lines() {
            let report = match line {
                Ok(line) => line.parse().unwrap_or_else(Report::Wrong),
                Err(e) => Report::Wrong(format!("its reports cannot be read: {e}")),
            };
            if sender.send(report).is_err() {
                return;
            }
        }
    })?;
    Ok(child)
}

fn tasks(backend: Backend, session: Session, sender: Sender<Report>) -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.spawn(async move {
        // Nobody listens any more where that fails.
        let sink: Sink = Arc::new(move |report| drop(sender.send(report)));
        if let Err(problem) = work(&backend, &session, &sink).await {
            sink(Report::Wrong(problem));
        }
    });
    Ok(runtime)
}
