//! Whatever is done to one of a store's files: an error that names what is damaged, or exactly the right answer. Never
//! another answer, a panic, a loop without end or memory without bounds.
//!
//! `KV_LANCE_DAMAGES` says how many trials there are. Default = 80. `KV_LANCE_DAMAGE_SEED` begins with another seed.

mod flips;
mod found;
mod harm;
mod image;
mod repair;
mod sample;

use harm::{Harm, Random};
use image::{Image, Member};
use kv_api::{Error, Result};
use sample::Sample;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Kinds of files, by what is in their paths.
const KINDS: [&str; 14] = [
    "newest manifest",
    "older manifest",
    "transaction",
    "newest manifest of history",
    "older manifest of history",
    "transaction of history",
    "run",
    "run of history",
    "replaced run",
    "RECORD",
    "HEAD",
    "newest segment",
    "older segment",
    "LOCK",
];

/// Which of [`KINDS`] each file is of.
fn kinds(sample: &Sample) -> Vec<usize> {
    let record = String::from_utf8_lossy(sample.image.bytes(Path::new("runs/RECORD")).unwrap()).into_owned();
    let line = |name: &str| record.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let (runs, history) = (line("kv-lance:runs="), line("kv-lance:history="));
    let names = || sample.image.files.iter().map(|file| file.names[0].to_string_lossy().into_owned());
    // Manifests count down from the greatest number.
    let newest_manifest = |dir: &str| names().filter(|name| name.starts_with(dir)).min().unwrap();
    let manifests = ["kv.lance/_versions", "history.lance/_versions"].map(newest_manifest);
    let segment = names().filter(|name| name.ends_with(".log")).max().unwrap();
    let kind = |file: &Member| {
        let path = file.names[0].to_string_lossy();
        let name = file.names[0].file_name().unwrap().to_string_lossy();
        match &*path {
            "runs/RECORD" => 9,
            "journal/HEAD" => 10,
            "LOCK" => 13,
            _ if name.ends_with(".lance") && runs.contains(&*name) => 6,
            _ if name.ends_with(".lance") && history.contains(&*name) => 7,
            _ if name.ends_with(".lance") => 8,
            path if *path == segment => 11,
            path if path.starts_with("journal/") => 12,
            path if path == manifests[0] => 0,
            path if path.starts_with("kv.lance/_versions") => 1,
            path if path.starts_with("kv.lance/_transactions") => 2,
            path if path == manifests[1] => 3,
            path if path.starts_with("history.lance/_versions") => 4,
            path if path.starts_with("history.lance/_transactions") => 5,
            path => panic!("what is {path}?"),
        }
    };
    sample.image.files.iter().map(kind).collect()
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Right,
    Error,
}

/// Opens and reads a damaged store, twice where it can be read; and once more with the file as it was where it cannot.
async fn trial(sample: Arc<Sample>, dir: &Path, file: usize, damaged: Image) -> Result<End, String> {
    damaged.put(dir);
    let found = verify(dir).await?;
    if Image::take(dir) != damaged {
        return Err("looking at the store changed it".into());
    }
    repair::trial(&sample, dir, &damaged).await?;
    match read(&sample, dir).await? {
        Ok(()) => match read(&sample, dir).await? {
            Ok(()) => Ok(End::Right),
            Err(e) => Err(format!("it could be read once, and then: {e}")),
        },
        Err(e) => {
            names_the_damage(&e, &sample.image.files[file])?;
            if found.is_ok_and(|damage| damage.is_empty()) {
                return Err(format!("{e}; but looking at the store finds nothing"));
            }
            // What was refused has to be as it was.
            put_back(dir, &sample.image.files[file]);
            match read(&sample, dir).await? {
                Ok(()) => Ok(End::Error),
                Err(after) => Err(format!("{e}; and with the file as it was: {after}")),
            }
        }
    }
}

/// Reads on a task of its own, so that a panic or a loop is seen from outside. The outer error is a wrong answer.
async fn read(sample: &Arc<Sample>, dir: &Path) -> Result<Result<()>, String> {
    let (sample, dir) = (sample.clone(), dir.to_path_buf());
    let reading = tokio::spawn(async move { sample.read(&dir).await });
    match tokio::time::timeout(Duration::from_secs(60), reading).await {
        Err(_) => Err("it takes more than a minute".into()),
        Ok(Err(panicked)) => Err(format!("reading panicked: {panicked}")),
        Ok(Ok(Ok(right))) => right.map(Ok),
        Ok(Ok(Err(e))) if e.to_string().contains("thread died") => Err(format!("a thread panicked: {e}")),
        Ok(Ok(Err(e))) => Ok(Err(e)),
    }
}

/// What looking at the whole store finds.
async fn verify(dir: &Path) -> Result<Result<Vec<kv_lance::Damage>>, String> {
    let config = sample::config(dir);
    let looking = tokio::spawn(async move { kv_lance::verify(&config).await });
    match tokio::time::timeout(Duration::from_secs(60), looking).await {
        Err(_) => Err("looking at the store takes more than a minute".into()),
        Ok(Err(panicked)) => Err(format!("looking at the store panicked: {panicked}")),
        Ok(Ok(found)) => Ok(found.map(|found| found.damage)),
    }
}

/// The file itself, or the table it is of.
fn names_the_damage(error: &Error, file: &Member) -> Result<(), String> {
    let text = error.to_string();
    let names = |path: &Path| text.contains(&*path.file_name().unwrap().to_string_lossy());
    let path = &file.names[0];
    let table =
        path.starts_with("kv.lance") && (text.contains("kv.lance") || matches!(error, Error::TableChanged { .. }));
    let journal = path.ends_with("HEAD") && text.contains("journal");
    match table || journal || names(path) {
        true => Ok(()),
        false => Err(format!("the error does not name {}: {error}", path.display())),
    }
}

fn put_back(dir: &Path, file: &Member) {
    for name in &file.names {
        let path = dir.join(name);
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
    }
    let (first, others) = file.names.split_first().unwrap();
    std::fs::write(dir.join(first), &file.bytes).unwrap();
    others.iter().for_each(|name| std::fs::hard_link(dir.join(first), dir.join(name)).unwrap());
}

/// The most address space that the process has had, in KiB, where the system says so.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// How many trials ended with the right answer, and with an error.
fn print_table(trials: u64, ends: &BTreeMap<(&str, &str, End), u64>) {
    eprintln!("{trials} files were damaged; right answers + errors:");
    for kind in KINDS {
        let of = |harm: &str, end| ends.get(&(kind, harm, end)).copied().unwrap_or(0);
        let cells = Harm::KINDS.map(|harm| format!("{harm} {}+{}", of(harm, End::Right), of(harm, End::Error)));
        eprintln!("{kind}: {}", cells.join(", "));
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_damage_gives_an_error_or_the_right_answer() -> Result<()> {
    let (trials, seed) = (setting("KV_LANCE_DAMAGES", 80), setting("KV_LANCE_DAMAGE_SEED", 1));
    let samples = sample::make().await?.map(Arc::new);
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    for sample in &samples {
        sample.image.put(&store);
        assert_eq!(verify(&store).await.unwrap().map_err(|e| e.to_string()), Ok(vec![]), "closed: {}", sample.closed);
        assert_eq!(read(sample, &store).await.unwrap().map_err(|e| e.to_string()), Ok(()));
    }
    // Decoders may panic on damage, which is caught and told; the messages would fill the log.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (before, mut ends, mut wrong) = (peak(), BTreeMap::new(), vec![]);
    for number in 0..trials {
        let mut random = Random(seed.wrapping_add(number));
        let sample = &samples[number as usize % 2];
        let kinds = kinds(sample);
        // Of each kind as often, however many files are of it.
        let (file, harm, damaged) = loop {
            let kind = random.below(KINDS.len());
            let of_kind: Vec<usize> = (0..kinds.len()).filter(|file| kinds[*file] == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            let file = of_kind[random.below(of_kind.len())];
            if let Some(harm) = Harm::choose(&mut random, sample, file)
                && let Some(damaged) = harm.done(sample, file)
            {
                break (file, harm, damaged);
            }
        };
        let ended = trial(sample.clone(), &store, file, damaged).await;
        match ended {
            Ok(end) => *ends.entry((KINDS[kinds[file]], Harm::KINDS[harm.kind()], end)).or_insert(0) += 1,
            Err(what) => {
                let (closed, path) = (sample.closed, sample.image.files[file].names[0].display());
                let (kind, len) = (KINDS[kinds[file]], sample.image.files[file].bytes.len());
                wrong.push(format!("{number}: closed {closed}, {kind} {path} of {len} bytes, {harm:?}: {what}"));
                eprintln!("{}", wrong.last().unwrap());
            }
        }
    }
    std::panic::set_hook(hook);
    print_table(trials, &ends);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let grown = peak().saturating_sub(before) >> 20;
    assert!(grown < 8, "{grown} GiB of memory were asked for");
    Ok(())
}
