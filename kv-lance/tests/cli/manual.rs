//! `completions` and `man`: made from the command line's own description, so they have all of it.

use crate::kv::{Kv, names};

#[test]
fn completions_know_commands_and_options() {
    let kv = Kv::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = kv.run(&format!("completions {shell}")).ok();
        for word in ["compact", "doctor", "read-only", "undecodable"] {
            assert!(script.contains(word), "'{word}' is not in the script for {shell}");
        }
    }
    kv.run("completions tcsh").misuse(&["tcsh", "bash"]);
}

#[test]
fn there_is_a_page_for_each_command() {
    let kv = Kv::new();
    let page = kv.run("man").ok();
    for word in [".TH kv 1", "retention=7d", "RUST_LOG", "Exit codes:"] {
        assert!(page.contains(word), "'{word}' is not in {page}");
    }
    assert_eq!(kv.run("man --into pages/man1").ok(), "");
    let pages = names(&kv.path("pages/man1"));
    for name in ["kv.1", "kv-get.1", "kv-doctor.1", "kv-repair.1"] {
        assert!(pages.iter().any(|page| page == name), "{name} is not in {pages:?}");
    }
    let doctor = std::fs::read_to_string(kv.path("pages/man1/kv-doctor.1")).unwrap();
    assert!(doctor.contains("fdatasync"), "{doctor}");
    kv.file("file", "");
    kv.run("man --into file").fails(3, &["file"]);
}
