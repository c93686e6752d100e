//! SurrealDB's server on a store of kv-lance, as its users run it: over HTTP, killed, moved with its own commands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running server, killed when dropped.
struct Server {
    process: Child,
    address: String,
}

fn surreal_lance() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surreal-lance"));
    command.stdin(Stdio::null());
    command
}

impl Server {
    /// Starts one, and waits until it answers.
    fn start(path: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = surreal_lance();
        command.args([
            "start",
            "--no-banner",
            "--log",
            "warn",
            "--user",
            "root",
            "--pass",
            "secret",
            "--bind",
            &address,
        ]);
        let process = command.arg(path).stdout(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, address };
        let began = Instant::now();
        while server.request("GET", "/health", "").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            assert!(server.process.try_wait().unwrap().is_none(), "the server has ended");
            assert!(began.elapsed() < Duration::from_secs(60), "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The whole answer; `None` where nobody answers.
    fn request(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        // The credentials are root:secret.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Basic cm9vdDpzZWNyZXQ=\r\n\
             Surreal-NS: test\r\nSurreal-DB: test\r\nAccept: application/json\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The answer to some statements, as JSON.
    fn sql(&self, statements: &str) -> String {
        let answer = self.request("POST", "/sql", statements).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("\"ERR\""), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Runs one of the commands that talk to a server.
    fn client(&self, command: &str, file: &Path) -> Output {
        let connection = ["--endpoint", &format!("http://{}", self.address), "--user", "root", "--pass", "secret"];
        let database = ["--namespace", "test", "--database", "test"];
        surreal_lance().arg(command).args(connection).args(database).arg(file).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const TOTAL: &str = "RETURN math::sum((SELECT VALUE n FROM item))";

#[test]
fn a_server_that_is_killed_has_lost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = format!("lance://{}", dir.path().join("store").display());
    let server = Server::start(&path);
    server.sql("DEFINE NAMESPACE IF NOT EXISTS test; USE NS test; DEFINE DATABASE IF NOT EXISTS test");
    server.sql("DEFINE INDEX by_n ON item FIELDS n; FOR $i IN 1..=100 { CREATE type::record('item', $i) SET n = $i }");
    assert!(server.sql(TOTAL).contains("5050"));
    drop(server);

    let server = Server::start(&path);
    assert!(server.sql(TOTAL).contains("5050"));
    assert!(server.sql("SELECT VALUE id FROM item WHERE n = 77").contains("item:77"));
}

#[test]
fn what_one_server_exports_another_imports() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] =
        ["first", "second"].map(|name| Server::start(&format!("lance://{}", dir.path().join(name).display())));
    for server in [&first, &second] {
        server.sql("DEFINE NAMESPACE IF NOT EXISTS test; USE NS test; DEFINE DATABASE IF NOT EXISTS test");
    }
    first.sql("FOR $i IN 1..=100 { CREATE type::record('item', $i) SET n = $i }");
    let file = dir.path().join("items.surql");
    for (server, command) in [(&first, "export"), (&second, "import")] {
        let output = server.client(command, &file);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(second.sql(TOTAL).contains("5050"));
}

#[test]
fn a_path_that_is_wrong_ends_the_server_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = format!("lance://{}?retension=30d", dir.path().join("store").display());
    let output = surreal_lance().args(["start", "--no-banner", "--bind", "127.0.0.1:0", &path]).output().unwrap();
    assert!(!output.status.success());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("retension"), "{said}");
}
