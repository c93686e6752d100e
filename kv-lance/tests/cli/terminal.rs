//! `kv` at a terminal.

use crate::kv::Kv;
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run whose three streams are one terminal.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What has been on the screen since the last that was waited for.
    seen: String,
}

impl Terminal {
    /// Runs `kv` with the store of `kv`, whose folder is also that of the user's state.
    pub(crate) fn run(kv: &Kv, words: &[&str]) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        let ends = openpty(&size, None).unwrap();
        let mut screen = File::from(ends.master);
        let keyboard = screen.try_clone().unwrap();
        let stream = || Stdio::from(ends.slave.try_clone().unwrap());
        let mut command = kv.bare(words);
        command.env("KV_STORE", "store").env("TERM", "xterm").env("XDG_STATE_HOME", kv.path("state"));
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The other end is gone with an error.
            while let Ok(read @ 1..) = screen.read(&mut chunk) {
                if sender.send(chunk[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen: receiver, seen: String::new() }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` is on the screen, and returns all that came with it.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("'{text}' did not come; there was {:?}", self.seen),
            }
        }
    }

    /// Ctrl-C where the terminal is not in the hands of a line editor: a signal.
    pub(crate) fn interrupt(&self) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// The exit code, and what was on the screen at the end.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(Instant::now() < end, "it goes on; there was {:?}", self.seen);
            thread::sleep(Duration::from_millis(10));
        };
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_secs(5)) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code, std::mem::take(&mut self.seen))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
