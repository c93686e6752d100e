//! Whether the other threads of this process have come to rest.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Threads that do not come to rest in this time are taken for something that never does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks.
const BETWEEN: Duration = Duration::from_micros(10);

/// What Linux says of the threads of a process.
pub(super) struct Threads {
    known: HashMap<u32, (File, File)>,
    /// Those that are not looked at.
    pub(super) apart: Vec<u32>,
}

/// A thread, and how often it has been scheduled.
type Seen = Vec<(u32, String)>;

/// The number of the calling thread.
pub(super) fn this() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

impl Threads {
    /// All but the calling one.
    pub(super) fn others() -> Self {
        Self { known: HashMap::new(), apart: vec![this()] }
    }

    /// Waits until no thread runs or can run, but for those that are left apart; whether that came.
    ///
    /// Two looks at all of them must agree that each sleeps and that none has been scheduled in between. So there was a moment
    /// in which all slept, and nobody was left to wake another.
    pub(super) fn rest(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut before = self.look();
        while Instant::now() < until {
            // They come first.
            std::thread::sleep(BETWEEN);
            let now = self.look();
            if before.is_some() && now == before {
                return true;
            }
            before = now;
        }
        false
    }

    /// All threads, where all of them sleep.
    pub(super) fn look(&mut self) -> Option<Seen> {
        let mut seen = vec![];
        for entry in std::fs::read_dir("/proc/self/task").unwrap() {
            let thread: u32 = entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
            if !self.apart.contains(&thread) {
                match self.scheduled(thread) {
                    Ok(Some(scheduled)) => seen.push((thread, scheduled)),
                    Ok(None) => return None,
                    // It has ended, which may have woken somebody.
                    Err(_) => {
                        self.known.remove(&thread);
                        return None;
                    }
                }
            }
        }
        if seen.len() < self.known.len() {
            self.known.retain(|thread, _| seen.iter().any(|(other, _)| other == thread));
        }
        Some(seen)
    }

    /// What the scheduler has counted of a thread; `None` where it does not sleep.
    fn scheduled(&mut self, thread: u32) -> std::io::Result<Option<String>> {
        let open = |name: &str| File::open(format!("/proc/self/task/{thread}/{name}"));
        let (stat, counts) = match self.known.entry(thread) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert((open("stat")?, open("schedstat")?)),
        };
        let stat = text(stat)?;
        // Behind the name, which may have anything in it.
        let sleeps = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['S', 'I']));
        if sleeps { Ok(Some(text(counts)?)) } else { Ok(None) }
    }
}

fn text(file: &File) -> std::io::Result<String> {
    let mut bytes = [0; 512];
    let len = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..len]).into_owned())
}
