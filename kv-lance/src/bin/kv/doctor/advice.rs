//! What facts and settings advise.

use super::facts::{Facts, Medium};
use super::settings::{self, Setting};
use indicatif::HumanBytes;
use std::time::Duration;

/// Handles that a process needs besides the store's data files: the journal, manifests, sockets of its own.
const OTHER_FILES: u64 = 64;

/// A sync that takes less has hardly been to a medium.
const TOO_FAST: Duration = Duration::from_micros(15);

/// A sync that takes more makes a single client slow.
const SLOW: Duration = Duration::from_millis(4);

const LEAST_FREE: u64 = 1 << 30;

/// A sentence or two for each thing that could be better, what is worst first.
pub(super) fn of(facts: &Facts, settings: &[Setting]) -> Vec<String> {
    let advice = [
        links(facts),
        file_system(facts),
        handles(facts, settings),
        space(facts),
        memory(facts, settings),
        sync(facts, settings),
        version(settings),
    ];
    advice.into_iter().flatten().collect()
}

fn links(facts: &Facts) -> Option<String> {
    let without = facts.medium.as_ref().is_some_and(|medium| !medium.hard_links);
    without
        .then(|| "The file system makes no hard links, which a store needs: put it on ext4, XFS, Btrfs or APFS.".into())
}

fn file_system(facts: &Facts) -> Option<String> {
    let kind = facts.mount.as_ref()?.kind.as_str();
    let what = match kind {
        "tmpfs" | "ramfs" => "is in memory: whatever 'sync' says, nothing survives the end of the machine",
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "afs" => {
            "is on another machine: locks, hard links and fdatasync are as good as that one's; a local disk is what stores are tested on"
        }
        "overlay" | "overlayfs" | "aufs" => "belongs to a container and may go with it: mount a volume for the store",
        "vfat" | "msdos" | "exfat" => "has neither hard links nor modes: put the store on ext4, XFS or Btrfs",
        kind if kind.starts_with("fuse") => "is served by a program: locks and fdatasync are as good as that one's",
        _ => return None,
    };
    Some(format!("The file system ({kind}) {what}."))
}

fn handles(facts: &Facts, settings: &[Setting]) -> Option<String> {
    let (allowed, wanted) = (facts.open_files?, settings::number_of(settings, "open_files"));
    (wanted.saturating_add(OTHER_FILES) > allowed).then(|| {
        format!(
            "The process may have {allowed} files open, and the store keeps up to {wanted} data files besides its journal: \
             raise the limit (ulimit -n) to {} or more, or set open_files lower.",
            wanted.saturating_add(OTHER_FILES)
        )
    })
}

fn space(facts: &Facts) -> Option<String> {
    let wanted = facts.store_bytes.unwrap_or_default().max(LEAST_FREE);
    (facts.free_bytes < wanted).then(|| {
        format!(
            "{} are free. A whole compaction can take as much again as the store, and a full disk stops writers: have {} or \
             more.",
            HumanBytes(facts.free_bytes),
            HumanBytes(wanted)
        )
    })
}

fn memory(facts: &Facts, settings: &[Setting]) -> Option<String> {
    let (memory, budget) = (facts.memory_bytes?, settings::budget(settings));
    (budget > memory / 2).then(|| {
        format!(
            "Memtables and caches may take {} of the machine's {}: set cache_bytes or memtable_bytes lower, as the page cache \
             needs room too.",
            HumanBytes(budget),
            HumanBytes(memory)
        )
    })
}

fn sync(facts: &Facts, settings: &[Setting]) -> Option<String> {
    if !settings::is(settings, "sync", "every") {
        return Some(format!(
            "With sync=interval a loss of power takes the commits of the last {}. With sync=every none is lost.",
            settings
                .iter()
                .find(|setting| setting.name == "sync_interval")
                .map_or("interval", |setting| &setting.value)
        ));
    }
    let Medium { median, .. } = facts.medium.as_ref()?;
    if *median < TOO_FAST {
        return Some(
            "fdatasync answers faster than any medium can: something on the way (a virtual disk, a library) may not hand it on, \
             and a loss of power then takes acknowledged commits."
                .into(),
        );
    }
    (*median > SLOW).then(|| {
        format!(
            "Each fdatasync takes {:.0} ms, so one client comes to {:.0} durable commits a second: commit more at once, or from \
             several tasks, which share a sync; or set sync=interval where the last moments may be lost.",
            median.as_secs_f64() * 1e3,
            1.0 / median.as_secs_f64()
        )
    })
}

fn version(settings: &[Setting]) -> Option<String> {
    let all = settings::is(settings, "versioned", "true") && settings::is(settings, "retention", "0");
    all.then(|| "With retention=0 all history is kept, and the store grows with every write.".into())
}

#[cfg(test)]
mod tests {
    use super::super::machine::Mount;
    use super::*;
    use kv_lance::LanceConfig;

    fn well() -> Facts {
        Facts {
            path: "/srv/kv".into(),
            store_bytes: Some(10 << 30),
            mount: Some(Mount { kind: "ext4".into(), point: "/".into() }),
            free_bytes: 50 << 30,
            memory_bytes: Some(16 << 30),
            open_files: Some(1024),
            medium: Some(Medium {
                hard_links: true,
                syncs: 101,
                median: Duration::from_micros(120),
                slowest: Duration::from_millis(2),
            }),
        }
    }

    fn advised(facts: Facts, config: LanceConfig) -> String {
        of(&facts, &settings::resolve("", &config).unwrap_or_default()).join("\n")
    }

    #[test]
    fn a_machine_that_is_fine_gets_no_advice() {
        assert_eq!(advised(well(), LanceConfig::new("/srv/kv")), "");
        assert_eq!(advised(Facts { medium: None, ..well() }, LanceConfig::new("/srv/kv")), "");
        let unknown = Facts { mount: None, memory_bytes: None, open_files: None, ..well() };
        assert_eq!(advised(unknown, LanceConfig::new("/srv/kv")), "");
    }

    #[test]
    fn each_fault_gets_its_own() {
        let on = |kind: &str| Some(Mount { kind: kind.into(), point: "/".into() });
        let after = |median| well().medium.map(|medium| Medium { median, ..medium });
        let without_links = well().medium.map(|medium| Medium { hard_links: false, ..medium });
        for (facts, word) in [
            (Facts { mount: on("tmpfs"), ..well() }, "in memory"),
            (Facts { mount: on("nfs4"), ..well() }, "another machine"),
            (Facts { mount: on("overlay"), ..well() }, "container"),
            (Facts { mount: on("fuse.sshfs"), ..well() }, "served by a program"),
            (Facts { medium: without_links, ..well() }, "hard links"),
            (Facts { open_files: Some(256), ..well() }, "ulimit -n) to 320"),
            (Facts { free_bytes: 9 << 30, ..well() }, "9.00 GiB are free"),
            (Facts { memory_bytes: Some(900 << 20), ..well() }, "480.00 MiB of the machine's"),
            (Facts { medium: after(Duration::from_micros(3)), ..well() }, "faster than any medium"),
            (Facts { medium: after(Duration::from_millis(10)), ..well() }, "10 ms, so one client comes to 100"),
        ] {
            let advice = advised(facts, LanceConfig::new("/srv/kv"));
            assert!(advice.contains(word) && advice.lines().count() == 1, "'{word}' is not the advice: {advice}");
        }
        let eventual = LanceConfig::new("/srv/kv").durability(kv_lance::Durability::Eventual);
        assert!(advised(well(), eventual).contains("the last 200ms"));
        let endless = LanceConfig::new("/srv/kv").retention(Duration::ZERO);
        assert!(advised(well(), endless).contains("all history is kept"));
    }
}
