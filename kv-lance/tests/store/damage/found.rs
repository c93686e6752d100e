//! What the trials have found, by name.

use super::super::*;
use super::image::Image;
use super::sample::{self, Sample};
use kv_api::ErrorKind;
use std::path::PathBuf;

/// The names of files of a sample, in order.
fn names(sample: &Sample, is_one: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let names = sample.image.files.iter().map(|file| file.names[0].clone());
    names.filter(|name| is_one(&name.to_string_lossy())).collect()
}

/// The sample with other bytes in a file.
fn changed(sample: &Sample, name: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Image {
    let mut image = sample.image.clone();
    let file = image.files.iter_mut().find(|file| file.names[0] == name).unwrap();
    change(&mut file.bytes);
    assert_ne!(image, sample.image);
    image
}

/// What reading a store as in `image` comes to.
async fn read(sample: &Sample, image: &Image) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    image.put(dir.path());
    assert!(kv_lance::verify(&sample::config(dir.path())).await.is_ok_and(|found| !found.damage.is_empty()));
    let right = sample.read(dir.path()).await?;
    assert_eq!(right, Ok(()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_trials_have_found() -> Result<()> {
    let samples = sample::make().await?;
    let [closed, killed] = &samples;
    let refused = async |sample: &Sample, name: &Path, image: Image| {
        let e = read(sample, &image).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{}: {e}", name.display());
        assert!(e.to_string().contains(&*name.file_name().unwrap().to_string_lossy()), "{}: {e}", name.display());
    };

    // It passed for a segment that was torn at its creation, and damage to its end for a torn write.
    let segment = names(killed, |name| name.ends_with(".log")).pop().unwrap();
    let end = killed.image.bytes(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    for from in [0, 24, end - 20] {
        refused(killed, &segment, changed(killed, &segment, |bytes| bytes[from..].fill(0))).await;
    }
    refused(killed, &segment, changed(killed, &segment, |bytes| bytes[end] ^= 1)).await;

    // Whichever run of history had the bytes of another was read as if they were its own.
    let record = String::from_utf8(closed.image.bytes(Path::new("runs/RECORD")).unwrap().to_vec()).unwrap();
    let history = record.lines().find_map(|line| line.strip_prefix("kv-lance:history=")).unwrap();
    let history = names(closed, |name| history.split(',').any(|run| name.ends_with(run)));
    let other = closed.image.bytes(&history[1]).unwrap().to_vec();
    refused(closed, &history[0], changed(closed, &history[0], |bytes| *bytes = other)).await;

    // One that had lost the store's own name was not found, although the other one was there.
    let mut image = closed.image.clone();
    let file = image.files.iter_mut().find(|file| file.names[0] == history[0]).unwrap();
    file.names.retain(|name| !name.starts_with("runs"));
    read(closed, &image).await?;

    // A manifest that could not be decoded ended a thread.
    let manifest = names(closed, |name| name.starts_with("kv.lance/_versions")).remove(0);
    for len in [37, 500] {
        refused(closed, &manifest, changed(closed, &manifest, |bytes| bytes.truncate(len))).await;
    }

    // What it says was believed, whatever `runs/RECORD` said, and segments were removed on its word.
    let through = b"kv-lance:journal-through";
    let has = closed.image.bytes(&manifest).unwrap().windows(through.len()).position(|bytes| bytes == through).unwrap();
    let digit = has + through.len() + 2;
    read(closed, &changed(closed, &manifest, |bytes| bytes[digit] = b'9')).await?;

    // A damaged table of history kept the store from opening.
    let manifests = names(closed, |name| name.starts_with("history.lance/_versions"));
    for name in &manifests {
        read(closed, &changed(closed, name, |bytes| bytes.truncate(63))).await?;
    }
    let column = |bytes: &mut Vec<u8>| {
        let at = bytes.windows(6).position(|bytes| bytes == b"binary").unwrap();
        bytes[at + 3] = b'e';
    };
    read(closed, &changed(closed, &manifests[0], column)).await?;
    // With all of it removed it is made again.
    let mut without = closed.image.clone();
    without.files.iter_mut().for_each(|file| file.names.retain(|name| !name.starts_with("history.lance")));
    without.files.retain(|file| !file.names.is_empty());
    let dir = tempfile::tempdir().unwrap();
    without.put(dir.path());
    assert_eq!(closed.read(dir.path()).await?, Ok(()));
    assert_eq!(kv_lance::verify(&sample::config(dir.path())).await?.damage, []);
    Ok(())
}
