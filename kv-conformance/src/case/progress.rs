//! Lines that say how far a long run is.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a line is written.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// How many cases a line names.
const NAMED: usize = 4;

/// The cases that run in this process, and how far each says it is.
static RUNNING: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Says how far a running case is: "sequence 5 of 64".
pub(crate) fn progress(title: &str, done: impl Into<String>) {
    if let Some(known) = RUNNING.lock().get_mut(title) {
        *known = done.into();
    }
}

/// A case that runs until this is dropped.
pub(crate) struct Running(String);

impl Running {
    pub(crate) fn new(title: &str) -> Self {
        RUNNING.lock().insert(title.to_owned(), String::new());
        Self(title.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.lock().remove(&self.0);
    }
}

/// Writes lines until it is dropped.
pub(crate) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(interval: Duration, mut write: impl FnMut(String) + Send + 'static) -> Self {
        let (stop, stopped) = channel::<()>();
        let started = Instant::now();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                if let Some(line) = line(started.elapsed(), &RUNNING.lock()) {
                    write(line);
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn line(elapsed: Duration, running: &BTreeMap<String, String>) -> Option<String> {
    let name = |(title, done): (&String, &String)| match done.as_str() {
        "" => title.clone(),
        done => format!("{title} ({done})"),
    };
    let names: Vec<String> = running.iter().take(NAMED).map(name).collect();
    let more = running.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("after {} s, running: {}{more}", elapsed.as_secs(), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_case_is_named_with_how_far_it_is() {
        let (sender, lines) = channel();
        let _running = Running::new("store::property::a_long_case");
        progress("store::property::a_long_case", "sequence 5 of 64");
        let _ticker = Ticker::start(Duration::from_millis(1), move |line| drop(sender.send(line)));
        let line = lines.recv_timeout(Duration::from_secs(10)).expect("a line");
        assert!(line.contains("running: "), "{line}");
    }

    #[test]
    fn a_line_says_what_is_running() {
        assert_eq!(line(INTERVAL, &BTreeMap::new()), None);
        let named = |count: usize| (0..count).map(|n| (format!("case{n}"), String::new())).collect();
        assert_eq!(line(INTERVAL, &named(2)).as_deref(), Some("after 10 s, running: case0, case1"));
        assert!(line(INTERVAL, &named(6)).is_some_and(|line| line.ends_with("case3 and 2 more")));
        let far = BTreeMap::from([("a".to_owned(), "sequence 5 of 64".to_owned())]);
        assert_eq!(line(INTERVAL, &far).as_deref(), Some("after 10 s, running: a (sequence 5 of 64)"));
    }
}
